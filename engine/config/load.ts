/** Loads the configuration: every valid file is in it, and every fault of every file is reported. */

import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { isObject } from '../json.ts';
import type { Env } from './env.ts';
import { type Files, type Folders, readFiles } from './files.ts';
import { shortHash } from './hash.ts';
import { compileMapping } from './mapping/compile-mapping.ts';
import type { MappingContext } from './mapping/compiling.ts';
import { type MappingDraft, readMapping } from './mapping/file.ts';
import { createReport, faultyMapping } from './report.ts';
import { loadSystem } from './system/load-system.ts';
import type { EntitySchemas } from './system/system-file.ts';
import { loadTables, type TableFile } from './tables.ts';
import type { Config, JsonSchema, Mapping, Problem, SystemConfig } from './types.ts';
import { faultsOfSchema } from './validate.ts';
import { isFault, parseYaml, whyUnreadable, type YamlPath } from './yaml.ts';

export interface LoadOptions extends Folders {
  /** Where system files find their variables. */
  readonly env: Env;
}

/** `config` holds only what is free of faults. `problems` come in the order in which to correct them: causes first. */
export interface LoadResult {
  readonly config: Config;
  readonly problems: readonly Problem[];
}

/** Reads and compiles all files. @throws TandemError STARTUP_REFUSED where a folder cannot be read: see `readFiles` */
export async function loadConfig(options: LoadOptions): Promise<LoadResult> {
  return compileFiles(await readFiles(options), options.env);
}

/**
 * Checks a draft of a mapping file against the other files, as if it stood in their folder. A draft takes the place of
 * the file of the same name, and of the mapping of the same name.
 */
export function loadMappingText(
  text: string,
  file: string,
  files: Files,
  env: Env,
): { mapping: Mapping | undefined; problems: readonly Problem[] } {
  const name = readMapping(file, text, formats().mapping).name;
  const others = new Map(files);
  for (const [other, content] of files) {
    if (isMappingFile(other) && name !== undefined && readMapping(other, content, formats().mapping).name === name)
      others.delete(other);
  }
  others.set(file, text);
  const result = compileFiles(others, env);
  return {
    mapping: [...result.config.mappings.values()].find((mapping) => mapping.file === file),
    problems: result.problems.filter((problem) => problem.file === file),
  };
}

// ---------------------------------------------------------------- the formats

let loaded: { system: JsonSchema; mapping: JsonSchema } | undefined;

/** The JSON Schemas of the two file formats belong to this version of Tandem, not to the user's files. */
function formats(): { system: JsonSchema; mapping: JsonSchema } {
  loaded ??= { system: readFormat('system'), mapping: readFormat('mapping') };
  return loaded;
}

function readFormat(name: string): JsonSchema {
  // The folder is found from the sources as well as from the build, which stands one folder deeper.
  let folder = dirname(fileURLToPath(import.meta.url));
  for (;;) {
    try {
      return JSON.parse(readFileSync(join(folder, 'schemas', `${name}.schema.json`), 'utf8')) as JsonSchema;
    } catch (error) {
      const above = dirname(folder);
      if (above === folder) throw error;
      folder = above;
    }
  }
}

// ---------------------------------------------------------------- all files

const isSystemFile = (file: string): boolean => /^systems\/[^/]+\.ya?ml$/.test(file);
const isMappingFile = (file: string): boolean => /^mappings\/[^/]+\.ya?ml$/.test(file);
const tableName = (file: string): string | undefined => /^mappings\/values\/([^/]+)\.ya?ml$/.exec(file)?.[1];
/** Those beside the folders of the systems are the formats of the files, for editors. */
const entitySchemaName = (file: string): string | undefined => /^schemas\/([^/]+\/.+)\.schema\.json$/.exec(file)?.[1];

/** Compiles the texts of all files. Faults are returned, not thrown. The two formats are read once per process. */
export function compileFiles(files: Files, env: Env): LoadResult {
  const problems = unreadableOthers(files);
  const schemas = entitySchemas(files, problems);
  const { systems, faultySystems } = allSystems(files, env, schemas, problems);
  const { tables, faultyTables } = allTables(files, problems);
  const { drafts, faultyMappings } = allDrafts(files, problems);
  const mappings = allMappings({ systems, faultySystems, drafts, faultyMappings, tables, faultyTables }, problems);
  const versions = [...systems.values(), ...mappings.values()].map((part) => `${part.name}=${part.version}`).sort();
  problems.sort(
    (a, b) =>
      rank(a.file) - rank(b.file) ||
      (a.file === b.file ? a.line - b.line || a.column - b.column : a.file < b.file ? -1 : 1),
  );
  return { config: { version: shortHash(...versions), systems, mappings }, problems };
}

/** Folders and files that nothing reads as a system, a mapping, a table or an entity's schema: those tell it themselves. */
function unreadableOthers(files: Files): Problem[] {
  const problems: Problem[] = [];
  for (const [file, text] of files) {
    const message = whyUnreadable(text);
    if (message === undefined || isSystemFile(file) || isMappingFile(file)) continue;
    if (tableName(file) === undefined && entitySchemaName(file) === undefined)
      problems.push({ code: 'CONFIG_FILE', file, line: 1, column: 1, where: '', message });
  }
  return problems;
}

/** Causes before what they cause: a mapping cannot run while its system is faulty. */
const rank = (file: string): number =>
  file.startsWith('schemas/') ? 0 : file.startsWith('mappings/values/') ? 1 : file.startsWith('systems/') ? 2 : 3;

function entitySchemas(files: Files, problems: Problem[]): EntitySchemas {
  const schemas = new Map<string, { schema: JsonSchema; text: string } | undefined>();
  for (const [file, text] of files) {
    const name = entitySchemaName(file);
    if (name === undefined) continue;
    schemas.set(name, undefined);
    const document = parseYaml(text);
    if (isFault(document)) {
      problems.push({ ...document, file, where: '' });
      continue;
    }
    const { value } = document;
    const report = createReport(file, document);
    if (!isObject(value)) report.add('CONFIG_SCHEMA', [], 'Must be a JSON Schema.');
    else {
      for (const { path, message, of } of faultsOfSchema(value)) report.add('CONFIG_SCHEMA', path, message, of);
      if (report.problems.length === 0) schemas.set(name, { schema: value, text });
    }
    problems.push(...report.problems);
  }
  return schemas;
}

function allSystems(
  files: Files,
  env: Env,
  schemas: EntitySchemas,
  problems: Problem[],
): { systems: Map<string, SystemConfig>; faultySystems: Set<string> } {
  const systems = new Map<string, SystemConfig>();
  const faultySystems = new Set<string>();
  for (const [file, text] of files) {
    if (!isSystemFile(file)) continue;
    const { value, name, problems: own } = loadSystem({ file, text, env, format: formats().system, schemas });
    problems.push(...own);
    if (!value) {
      // A file that cannot be read at all is taken to hold the system that it is named after.
      faultySystems.add(name ?? baseName(file));
      continue;
    }
    const same = systems.get(value.name);
    if (same)
      problems.push(
        duplicate(file, text, ['system'], `The system "${value.name}" is declared in ${same.file} already.`),
      );
    else systems.set(value.name, value);
  }
  return { systems, faultySystems };
}

function allTables(files: Files, problems: Problem[]): { tables: Map<string, TableFile>; faultyTables: Set<string> } {
  const tables = new Map<string, TableFile>();
  const faultyTables = new Set<string>();
  for (const [file, text] of files) {
    const name = tableName(file);
    if (name === undefined) continue;
    const { value, problems: own } = loadTables(name, file, text);
    problems.push(...own);
    if (value) tables.set(name, value);
    else faultyTables.add(name);
  }
  return { tables, faultyTables };
}

function allDrafts(
  files: Files,
  problems: Problem[],
): { drafts: Map<string, MappingDraft>; faultyMappings: Set<string> } {
  const drafts = new Map<string, MappingDraft>();
  const faultyMappings = new Set<string>();
  for (const [file, text] of files) {
    if (!isMappingFile(file)) continue;
    const { draft, name, problems: own } = readMapping(file, text, formats().mapping);
    problems.push(...own);
    if (!draft) {
      faultyMappings.add(name ?? baseName(file));
      continue;
    }
    const same = drafts.get(draft.name);
    if (same)
      problems.push(
        duplicate(file, text, ['mapping'], `The mapping "${draft.name}" is declared in ${same.file} already.`),
      );
    else drafts.set(draft.name, draft);
  }
  return { drafts, faultyMappings };
}

function allMappings(context: MappingContext, problems: Problem[]): Map<string, Mapping> {
  const compiled = new Map([...context.drafts].map(([name, draft]) => [name, compileMapping(draft, context)] as const));
  const needs = new Map([...compiled].map(([name, one]) => [name, one.needs] as const));
  for (const [name, draft] of context.drafts) reportCycle(name, draft, needs);
  const good = new Map<string, Mapping>();
  for (const [name, { mapping }] of compiled) {
    if (mapping && context.drafts.get(name)!.report.problems.length === 0) good.set(name, mapping);
  }
  // What refers to a faulty mapping cannot run, and so on upward.
  for (let again = true; again; ) {
    again = false;
    for (const name of [...good.keys()]) {
      const broken = needs.get(name)?.find((need) => !good.has(need.mapping));
      if (!broken) continue;
      context.drafts.get(name)!.report.addSecondary(broken.path, faultyMapping(broken.mapping));
      good.delete(name);
      again = true;
    }
  }
  for (const draft of context.drafts.values()) problems.push(...draft.report.problems);
  const depths = depthsOf(good);
  return new Map([...good].map(([name, mapping]) => [name, { ...mapping, depth: depths.get(name)! }]));
}

/** Records that each need another one of the circle to be linked before them can never be written. */
function reportCycle(
  name: string,
  draft: MappingDraft,
  needs: ReadonlyMap<string, readonly { mapping: string; required: boolean; path: YamlPath }[]>,
): void {
  for (const need of needs.get(name) ?? []) {
    if (!need.required) continue;
    const way = requiredWay(need.mapping, name, needs, new Set());
    if (!way) continue;
    const circle = [name, ...way].map((one) => `"${one}"`).join(' -> ');
    draft.report.add(
      'CONFIG_CYCLE',
      need.path,
      `Each of these needs a link of the next before it can have one: ${circle}. Make one of the references not required.`,
    );
  }
}

function requiredWay(
  from: string,
  to: string,
  needs: ReadonlyMap<string, readonly { mapping: string; required: boolean }[]>,
  seen: Set<string>,
): string[] | undefined {
  if (from === to) return [to];
  if (seen.has(from)) return undefined;
  seen.add(from);
  for (const need of needs.get(from) ?? []) {
    if (!need.required) continue;
    const way = requiredWay(need.mapping, to, needs, seen);
    if (way) return [from, ...way];
  }
  return undefined;
}

/** Parents first; a circle of references that are not required is cut where it closes. */
function depthsOf(mappings: ReadonlyMap<string, Mapping>): Map<string, number> {
  const depths = new Map<string, number>();
  const open = new Set<string>();
  const depth = (name: string): number => {
    const known = depths.get(name);
    if (known !== undefined) return known;
    if (open.has(name)) return -1;
    open.add(name);
    const parents = mappings.get(name)?.parents ?? [];
    const found = 1 + Math.max(-1, ...parents.map(depth));
    open.delete(name);
    depths.set(name, found);
    return found;
  };
  for (const name of mappings.keys()) depth(name);
  return depths;
}

function duplicate(file: string, text: string, path: YamlPath, message: string): Problem {
  const document = parseYaml(text);
  const place = isFault(document) ? { line: 1, column: 1 } : document.locate(path);
  return { code: 'CONFIG_DUPLICATE', file, ...place, where: path.join('.'), message };
}

const baseName = (file: string): string => file.replace(/^.*\//, '').replace(/\.ya?ml$/, '');

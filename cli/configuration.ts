/** The configuration files as commands without a running Tandem see them. */

import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { basename, join, relative, resolve, sep } from 'node:path';
import {
  compileFiles,
  type Files,
  type LoadResult,
  loadMappingText,
  type Mapping,
  type Problem,
  readFiles,
  type SystemConfig,
} from '../engine/index.ts';
import type { CommandContext } from './command.ts';
import { Failure } from './failure.ts';
import { type Env, packageRoot } from './process/environment.ts';

/** @throws Failure where the folder holds no configuration: that of the installation is never taken instead */
export function requireConfigFolder(folder: string): void {
  if (existsSync(join(folder, 'mappings'))) return;
  throw new Failure(
    'STARTUP_REFUSED',
    `${folder} holds no folder mappings/.`,
    `Set TANDEM_CONFIG to the folder that holds mappings/, systems/ and schemas/, or go to that folder. ${howToBegin(folder)}`,
  );
}

export function howToBegin(folder: string): string {
  const examples = packageRoot();
  return examples !== folder && existsSync(join(examples, 'mappings'))
    ? `To begin with the included files: cp -r ${['mappings', 'systems', 'schemas'].map((part) => join(examples, part)).join(' ')} ${folder}`
    : 'To begin, write a mapping into mappings/: docs/mappings.md shows a whole one.';
}

/** Everything in the configuration folder, which is named. @param placeholders stand in for variables that are not set */
export async function loadFolder(
  { environment, output }: Pick<CommandContext, 'environment' | 'output'>,
  env: Env,
  placeholders: boolean,
): Promise<LoadResult & { files: Files }> {
  const folder = environment.config;
  requireConfigFolder(folder);
  output.note(`Configuration: ${folder}`);
  const files = await readFiles({ root: folder });
  return { ...compileFiles(files, placeholders ? withPlaceholders(files, env) : env), files };
}

/** The problems of some files only, their mappings and systems; one that stands outside the folder is taken as if it stood in it. */
export async function checkFiles(
  given: readonly string[],
  { files, problems, config }: LoadResult & { files: Files },
  folder: string,
  env: Env,
  placeholders: boolean,
): Promise<{ problems: Problem[]; mappings: Mapping[]; systems: SystemConfig[] }> {
  const filled = placeholders ? withPlaceholders(files, env) : env;
  const found: Problem[] = [];
  const mappings: Mapping[] = [];
  const systems: SystemConfig[] = [];
  for (const file of given) {
    const inside = relative(folder, resolve(file)).split(sep).join('/');
    if (files.has(inside)) {
      found.push(...problems.filter((problem) => problem.file === inside));
      mappings.push(...[...config.mappings.values()].filter((mapping) => mapping.file === inside));
      systems.push(...[...config.systems.values()].filter((system) => system.file === inside));
      continue;
    }
    const text = await readDraft(file);
    if (/^system\s*:/m.test(text) && !/^mapping\s*:/m.test(text)) {
      const draft = loadSystemText(text, basename(file), files, filled);
      found.push(...draft.problems.map((problem) => ({ ...problem, file })));
      if (draft.system) systems.push({ ...draft.system, file });
      continue;
    }
    const draft = loadMappingText(text, `mappings/${basename(file)}`, files, filled);
    found.push(...draft.problems.map((problem) => ({ ...problem, file })));
    if (draft.mapping) mappings.push({ ...draft.mapping, file });
  }
  return { problems: found, mappings, systems };
}

function loadSystemText(
  text: string,
  name: string,
  files: Files,
  env: Env,
): { system: SystemConfig | undefined; problems: readonly Problem[] } {
  const file = `systems/${name}`;
  const system = /^system\s*:\s*["']?([A-Za-z][\w-]*)/m.exec(text)?.[1];
  const others = new Map(
    [...files].filter(
      ([other, content]) =>
        !(other.startsWith('systems/') && new RegExp(`^system\\s*:\\s*["']?${system}\\b`, 'm').test(content)),
    ),
  );
  others.set(file, text);
  const { config, problems } = compileFiles(others, env);
  return {
    system: [...config.systems.values()].find((one) => one.file === file),
    problems: problems.filter((problem) => problem.file === file),
  };
}

async function readDraft(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    const reason = error instanceof Error && 'code' in error ? String(error.code) : String(error);
    throw new Failure(
      'BAD_REQUEST',
      `${file} cannot be read (${reason}).`,
      'Check the name of the file.',
      undefined,
      error,
    );
  }
}

/** Values for variables that system files name and that are not set, so that all else can be checked. */
export function withPlaceholders(files: Files, env: Env): Env {
  const filled: Record<string, string | undefined> = { ...env };
  for (const [file, text] of files) {
    if (!file.startsWith('systems/')) continue;
    for (const [, key = '', name = ''] of text.matchAll(/([A-Za-z]*)["']?\s*:\s*["']?\$\{([A-Za-z_]\w*)\}/g)) {
      // A text that is also a number fits wherever a variable may stand, but for whole addresses.
      if (!filled[name]) filled[name] = /url$/i.test(key) ? 'https://placeholder.invalid' : '1';
    }
    for (const [, name = ''] of text.matchAll(/\$\{([A-Za-z_]\w*)\}/g)) if (!filled[name]) filled[name] = '1';
  }
  return filled;
}

/** The file as a person can open it from here. */
export function shownFile(file: string, folder: string): string {
  const path = relative(process.cwd(), join(folder, file));
  return path.startsWith('..') ? join(folder, file) : path;
}

/** One mapping file: read, checked against its format, then compiled with every name resolved. */
import { asTandemError, type ErrorCode } from '../errors.ts';
import { type CompiledExpression, compileExpression } from '../expression/compile.ts';
import type { Expression } from '../expression/expression.ts';
import { FORMS, type Form } from '../expression/forms.ts';
import { nearest } from '../expression/nearest.ts';
import { type PathStep, parsePath, type WritablePath } from '../expression/path.ts';
import type { TypeOptions } from '../expression/values.ts';
import { isObject } from '../json.ts';
import type { Json } from '../types.ts';
import { otherSide, type SideIndex } from '../types.ts';
import { type BrakeFile, brakeConfig } from './brake.ts';
import { definitionOf } from './definition.ts';
import { parseDuration } from './duration.ts';
import { shortHash } from './hash.ts';
import { lackedBy, lackMessage, readBy } from './optional.ts';
import { createReport, type Report } from './report.ts';
import { schemaPlace } from './schema-path.ts';
import { buildTable, entriesOf, INLINE, type TableEntries, type TableFile } from './tables.ts';
import type {
  ConflictRule,
  DeleteRule,
  Direction,
  EntityConfig,
  JsonSchema,
  Mapping,
  MappingSide,
  MatchRule,
  Problem,
  Property,
  PropertySide,
  ReferenceConfig,
  ScheduleConfig,
  SystemConfig,
  ValueTable,
  ValueType,
} from './types.ts';
import { schemaFaults } from './validate.ts';
import { isFault, parseYaml, type YamlPath } from './yaml.ts';

// ---------------------------------------------------------------- what the file says

type BySide<T> = Readonly<Record<string, T>>;

interface PropertyFile {
  type?: ValueType;
  scale?: number;
  equal?: Form[];
  required?: boolean;
  direction?: string;
  conflict?: string;
  drift?: 'keep' | 'revert';
  convert?: BySide<string>;
  values?: string | Record<string, Json>;
  reference?: string;
  fallback?: BySide<string>;
  lookup?: BySide<string>;
  lossy?: boolean;
}

interface MappingFile {
  mapping: string;
  description?: string;
  between: BySide<string | { system: string; entity: string }>;
  when?: BySide<string>;
  match?: (BySide<string> & { onMatch?: 'link' | 'review' })[];
  create?: string[] | BySide<'missing' | 'always'>;
  correlate?: BySide<string>;
  conflict?: string;
  deletes?: DeleteRule | BySide<DeleteRule>;
  brake?: BrakeFile;
  schedule?: 'off' | { changes?: string; webhooks?: string; full?: string };
  properties: (PropertyFile & Record<string, unknown>)[];
}

/** A mapping file that has the right form; its names are not resolved yet. */
export interface MappingDraft {
  readonly file: string;
  readonly text: string;
  readonly name: string;
  readonly sides: readonly [SideDraft, SideDraft];
  readonly content: MappingFile;
  readonly report: Report;
}

interface SideDraft {
  readonly name: string;
  readonly system: string;
  readonly entity: string;
}

/** Keys of a property that are not sides. */
const PROPERTY_KEYS = [
  'description',
  'type',
  'scale',
  'equal',
  'required',
  'direction',
  'conflict',
  'drift',
  'convert',
  'values',
  'reference',
  'fallback',
  'lookup',
  'lossy',
];
/** Words that would be read as something else than a side. */
const RESERVED_SIDES = new Set([...PROPERTY_KEYS, 'onMatch', 'latest', 'review', 'both', 'keep', 'propagate', 'off']);

/** @returns the draft, or the problems that keep the file from being read as a mapping */
export function readMapping(
  file: string,
  text: string,
  format: JsonSchema,
): { draft: MappingDraft | undefined; name: string | undefined; problems: readonly Problem[] } {
  const document = parseYaml(text);
  if (isFault(document)) return { draft: undefined, name: undefined, problems: [{ ...document, file, where: '' }] };
  const report = createReport(file, document);
  const { value } = document;
  const name = isObject(value) && typeof value.mapping === 'string' ? value.mapping : undefined;
  for (const fault of schemaFaults(format, value)) report.add('CONFIG_SCHEMA', fault.path, fault.message, fault.of);
  if (report.problems.length > 0) return { draft: undefined, name, problems: report.problems };
  const content = value as unknown as MappingFile;
  const sides = Object.entries(content.between).map(([side, target]): SideDraft => {
    if (RESERVED_SIDES.has(side))
      report.add(
        'CONFIG_SCHEMA',
        ['between', side],
        `A side cannot be called "${side}", as that word means something else here. Choose another, and write { system, entity }.`,
        'key',
      );
    return typeof target === 'string'
      ? { name: side, system: side, entity: target }
      : { name: side, system: target.system, entity: target.entity };
  });
  if (report.problems.length > 0) return { draft: undefined, name, problems: report.problems };
  return {
    draft: { file, text, name: content.mapping, sides: [sides[0]!, sides[1]!], content, report },
    name,
    problems: [],
  };
}

// ---------------------------------------------------------------- compiling

export interface MappingContext {
  readonly systems: ReadonlyMap<string, SystemConfig>;
  /** Systems whose files have faults, by name. */
  readonly faultySystems: ReadonlySet<string>;
  /** All mappings that can be referred to. */
  readonly drafts: ReadonlyMap<string, MappingDraft>;
  readonly tables: ReadonlyMap<string, TableFile>;
  readonly faultyTables: ReadonlySet<string>;
}

export interface CompiledMapping {
  /** Undefined where the file has problems. Its depth is 0 until all mappings are known. */
  readonly mapping: Mapping | undefined;
  /** Mappings whose links this one needs, each with the place that says so. */
  readonly needs: readonly { readonly mapping: string; readonly required: boolean; readonly path: YamlPath }[];
}

interface Compiling {
  readonly draft: MappingDraft;
  readonly context: MappingContext;
  readonly report: Report;
  readonly sides: readonly [ResolvedSide, ResolvedSide];
  readonly needs: { mapping: string; required: boolean; path: YamlPath }[];
  readonly tableTexts: Map<string, string>;
}

interface ResolvedSide extends SideDraft {
  readonly index: SideIndex;
  readonly config: SystemConfig;
  readonly entityConfig: EntityConfig;
}

/** Adds problems to the draft's report. */
export function compileMapping(draft: MappingDraft, context: MappingContext): CompiledMapping {
  const { report, content } = draft;
  const sides = [resolveSide(draft, 0, context), resolveSide(draft, 1, context)];
  if (!sides[0] || !sides[1]) return { mapping: undefined, needs: [] };
  const state: Compiling = { draft, context, report, sides: [sides[0], sides[1]], needs: [], tableTexts: new Map() };
  const create = createSides(state);
  const conflict = conflictRule(state, content.conflict ?? 'latest', ['conflict']);
  const when = expressionsBySide(state, content.when, ['when'], { volatile: true });
  const correlate = correlates(state);
  const deletes = deleteRules(state);
  const match = (content.match ?? []).map((rule, i) => matchRule(state, rule, i));
  const properties = namedProperties(content.properties.map((property, i) => compileProperty(state, property, i)));
  checkTargets(state, properties, correlate);
  checkOperations(state, create, deletes, properties);
  checkOneEntity(state, create);
  const mappingSide = (index: SideIndex): MappingSide => ({
    index,
    name: state.sides[index].name,
    system: state.sides[index].config,
    entity: state.sides[index].entityConfig,
    when: when[index],
    create: create[index] !== undefined,
    createAlways: create[index] === 'always',
    deletes: deletes[index],
    correlate: correlate[index],
  });
  const { needs } = state;
  if (report.problems.length > 0) return { mapping: undefined, needs };
  const texts = [...state.tableTexts].sort(([a], [b]) => (a < b ? -1 : 1)).flat();
  const parents = [...new Set(needs.map((need) => need.mapping))].filter((name) => name !== draft.name).sort();
  return {
    needs,
    mapping: {
      name: draft.name,
      description: content.description ?? '',
      descriptionAt: report.placeOf(['description']),
      file: draft.file,
      version: shortHash(draft.text, state.sides[0].config.version, state.sides[1].config.version, ...texts),
      sides: [mappingSide(0), mappingSide(1)],
      match,
      conflict,
      brake: brakeConfig(content.brake),
      properties,
      schedule: schedule(content.schedule),
      parents,
      depth: 0,
    },
  };
}

function resolveSide(draft: MappingDraft, index: SideIndex, context: MappingContext): ResolvedSide | undefined {
  const side = draft.sides[index];
  const path = ['between', side.name];
  const config = context.systems.get(side.system);
  const short = typeof draft.content.between[side.name] === 'string';
  if (!config) {
    if (context.faultySystems.has(side.system)) {
      draft.report.add(
        'CONFIG_REFERENCE',
        path,
        `The system "${side.system}" has faults in its own file; mend those first.`,
        short ? 'key' : 'value',
      );
    } else {
      const hint = nearest(side.system, context.systems.keys());
      const known = [...context.systems.keys()].join(', ');
      const how = short ? ' A side name without { system, entity } is the name of a system.' : '';
      draft.report.add(
        'CONFIG_REFERENCE',
        path,
        `There is no system "${side.system}"${hint ? `; did you mean "${hint}"?` : `; there are ${known || 'none'}.`}${how}`,
        short ? 'key' : 'value',
      );
    }
    return undefined;
  }
  const entityConfig = Object.hasOwn(config.entities, side.entity) ? config.entities[side.entity] : undefined;
  if (!entityConfig) {
    draft.report.add('CONFIG_REFERENCE', short ? path : [...path, 'entity'], unknownEntity(config, side.entity));
    return undefined;
  }
  return { ...side, index, config, entityConfig };
}

function unknownEntity(system: SystemConfig, entity: string): string {
  const names = Object.keys(system.entities);
  const hint = nearest(entity, names);
  return `The system "${system.name}" has no entity "${entity}"${hint ? `; did you mean "${hint}"?` : `; it has ${names.join(', ')}.`}`;
}

// ---------------------------------------------------------------- names of sides and rules

function sideIndex(
  state: Compiling,
  name: string,
  path: YamlPath,
  of: 'value' | 'key' = 'value',
  alternatives: readonly string[] = [],
): SideIndex | undefined {
  const index = state.sides.findIndex((side) => side.name === name);
  if (index === 0 || index === 1) return index;
  const names = [...alternatives, ...state.sides.map((side) => side.name)];
  const hint = nearest(name, names);
  state.report.add(
    'CONFIG_REFERENCE',
    path,
    `"${name}" is no side of this mapping${hint ? `; did you mean "${hint}"?` : `; write ${names.join(' or ')}.`}`,
    of,
  );
  return undefined;
}

function conflictRule(state: Compiling, text: string, path: YamlPath): ConflictRule {
  if (text === 'review') return 'review';
  if (text !== 'latest') return sideIndex(state, text, path, 'value', ['latest', 'review']) ?? 'review';
  for (const side of state.sides) {
    if (side.entityConfig.modified === undefined) {
      state.report.add(
        'CONFIG_OPERATION',
        path,
        `"latest" needs the time of modification, which ${side.name} (${side.entity}) does not have; name a side or "review".`,
      );
    }
  }
  return 'latest';
}

function deleteRules(state: Compiling): [DeleteRule, DeleteRule] {
  const { deletes = 'keep' } = state.draft.content;
  if (typeof deletes === 'string') return [deletes, deletes];
  const rules: [DeleteRule, DeleteRule] = ['keep', 'keep'];
  for (const [name, rule] of Object.entries(deletes)) {
    const index = sideIndex(state, name, ['deletes', name], 'key');
    if (index !== undefined) rules[index] = rule;
  }
  return rules;
}

/** Per side what `create` says of it; undefined where nothing is created. */
type CreateRules = readonly [CreateRule | undefined, CreateRule | undefined];
type CreateRule = 'missing' | 'always';

function createSides(state: Compiling): CreateRules {
  const { create = [] } = state.draft.content;
  const given = Array.isArray(create)
    ? create.map((name, i) => [name, 'missing', i] as const)
    : Object.entries(create).map(([name, rule]) => [name, rule, name] as const);
  const rules: [CreateRule | undefined, CreateRule | undefined] = [undefined, undefined];
  for (const [name, rule, at] of given) {
    const index = sideIndex(state, name, ['create', at], typeof at === 'number' ? 'value' : 'key');
    if (index !== undefined) rules[index] = rule;
  }
  return rules;
}

/** Where the file names a side under `create`. */
function createPath({ content, sides }: MappingDraft, side: SideIndex): YamlPath {
  const { name } = sides[side];
  return Array.isArray(content.create) ? ['create', content.create.indexOf(name)] : ['create', name];
}

/** A copy of each record would be a record of the same entity, which takes part too and gets a copy of its own, and so on. */
function checkOneEntity({ draft, report, sides: [a, b] }: Compiling, create: CreateRules): void {
  const same = a.system === b.system && a.entity === b.entity;
  const { when = {} } = draft.content;
  const [first, second] = [a, b].map(({ name }) => (Object.hasOwn(when, name) ? when[name]?.trim() : undefined));
  if (!same || (first !== undefined && second !== undefined && first !== second)) return;
  for (const side of [a, b])
    if (create[side.index] !== undefined)
      report.add(
        'CONFIG_SCHEMA',
        createPath(draft, side.index),
        `Both sides are ${a.entity} of ${a.system}, so each new record would get a copy, and the copy another one. Write a "when" for each side that keeps them apart, or create nothing.`,
      );
}

function schedule(given: MappingFile['schedule']): ScheduleConfig {
  if (given === 'off') return { changes: undefined, webhooks: undefined, full: undefined };
  const time = (text: string | undefined, standard: number | undefined): number | undefined =>
    text === undefined ? standard : text === 'off' ? undefined : parseDuration(text);
  const changes = time(given?.changes, CHANGES);
  const rarely = changes === undefined ? undefined : Math.max(changes, WITH_WEBHOOKS);
  return { changes, webhooks: time(given?.webhooks, rarely), full: time(given?.full, FULL) };
}

/** Milliseconds. A scan costs a call to each side and finds what nobody was told of: see docs/decisions/0018-how-often-to-scan.md. */
const CHANGES = 10 * 60_000;
const WITH_WEBHOOKS = 60 * 60_000;
const FULL = 24 * 60 * 60_000;

// ---------------------------------------------------------------- expressions

interface ExpressionRules {
  /** Whether the input is a value and not the record. */
  readonly ofValue?: boolean;
  /** Whether `$now` and the like are allowed: where the answer decides no value. */
  readonly volatile?: boolean;
  /** The side that the expression reads from. */
  readonly reads: SideIndex;
}

function expression(
  state: Compiling,
  source: string,
  path: YamlPath,
  rules: ExpressionRules,
): CompiledExpression | undefined {
  const { report } = state;
  let compiled: CompiledExpression;
  try {
    compiled = compileExpression(source, { nulls: 'missing' });
  } catch (error) {
    report.addError(path, asTandemError(error));
    return undefined;
  }
  const { calls } = compiled;
  if (calls.account) report.add('CONFIG_EXPRESSION', path, '$account() is for system files; a mapping cannot call it.');
  if (calls.comparesNull)
    report.add(
      'CONFIG_EXPRESSION',
      path,
      'A mapping sees null as missing, so nothing equals null here; write $exists(…) or $not($exists(…)).',
    );
  if (calls.volatile.length > 0 && !rules.volatile) {
    report.add(
      'CONFIG_EXPRESSION',
      path,
      `$${calls.volatile[0]} answers something else every time, so the two sides would never come to rest; take a value of the record.`,
    );
  }
  for (const mapping of calls.link) {
    if (checkMapping(state, mapping, path)) state.needs.push({ mapping, required: false, path });
  }
  const { config } = state.sides[rules.reads];
  const entity = (name: string, operation: 'read' | 'find'): void => {
    const found = Object.hasOwn(config.entities, name) ? config.entities[name] : undefined;
    if (!found) report.add('CONFIG_REFERENCE', path, unknownEntity(config, name));
    else if (!found[operation])
      report.add(
        'CONFIG_OPERATION',
        path,
        `The entity "${name}" of "${config.name}" has no operation "${operation}", which $${operation === 'read' ? 'record' : 'find'} needs.`,
      );
  };
  checkAsked(
    state,
    state.sides[rules.reads],
    readBy(state.sides[rules.reads].entityConfig, source, !rules.ofValue),
    path,
  );
  for (const name of calls.record) entity(name, 'read');
  for (const name of calls.find) entity(name, 'find');
  return compiled;
}

/** Expressions by side name; `reads` tells the side that each reads from, given the side it is written for. */
function expressionsBySide(
  state: Compiling,
  given: BySide<string> | undefined,
  path: YamlPath,
  rules: { volatile?: boolean; toward?: boolean } = {},
): [Expression | undefined, Expression | undefined] {
  const compiled: [Expression | undefined, Expression | undefined] = [undefined, undefined];
  for (const [name, source] of Object.entries(given ?? {})) {
    const index = sideIndex(state, name, [...path, name], 'key');
    if (index === undefined) continue;
    compiled[index] = expression(state, source, [...path, name], {
      volatile: rules.volatile ?? false,
      ofValue: rules.toward ?? false,
      reads: rules.toward ? otherSide(index) : index,
    });
  }
  return compiled;
}

function checkMapping(state: Compiling, name: string, path: YamlPath): boolean {
  if (name === state.draft.name || state.context.drafts.has(name)) return true;
  const hint = nearest(name, state.context.drafts.keys());
  state.report.add(
    'CONFIG_REFERENCE',
    path,
    `There is no mapping "${name}"${hint ? `; did you mean "${hint}"?` : ', or its file has faults.'}`,
  );
  return false;
}

// ---------------------------------------------------------------- matching

const NO_EXPRESSION: Expression = { source: '', evaluate: async () => undefined };

function matchRule(state: Compiling, rule: BySide<string> & { onMatch?: 'link' | 'review' }, i: number): MatchRule {
  const path = ['match', i];
  const keys: [Expression, Expression] = [NO_EXPRESSION, NO_EXPRESSION];
  const find: [string | undefined, string | undefined] = [undefined, undefined];
  for (const name of Object.keys(rule)) if (name !== 'onMatch') sideIndex(state, name, [...path, name], 'key');
  for (const side of state.sides) {
    const source = Object.hasOwn(rule, side.name) ? rule[side.name] : undefined;
    if (source === undefined) {
      state.report.add('CONFIG_SCHEMA', path, `The key of "${side.name}" is missing: a rule has one for each side.`);
      continue;
    }
    const compiled = expression(state, source, [...path, side.name], { reads: side.index });
    if (!compiled) continue;
    keys[side.index] = compiled;
    const steps = searched(source);
    if (steps) {
      checkPlace(state, side, steps, [...path, side.name]);
      find[side.index] = findField(side.entityConfig, steps);
    }
  }
  const name = state.sides.map((side) => String(rule[side.name] ?? '')).join(' = ');
  return { name, keys, find, onMatch: rule.onMatch ?? 'link' };
}

/** The path within a key that changes letters or spaces only. */
function searched(source: string): readonly PathStep[] | undefined {
  let inner = source.trim();
  for (;;) {
    const match = /^\$(?:lowercase|uppercase|trim|string)\(([\s\S]*)\)$/.exec(inner);
    if (!match) break;
    inner = match[1]!.trim();
  }
  return quietPath(inner)?.steps;
}

/** The field by which the entity can be searched for what the path leads to. */
function findField(entity: EntityConfig, steps: readonly PathStep[]): string | undefined {
  const wanted = JSON.stringify(steps);
  return Object.keys(entity.find?.by ?? {}).find((field) => JSON.stringify(quietPath(field)?.steps) === wanted);
}

function quietPath(source: string): WritablePath | undefined {
  try {
    return parsePath(source);
  } catch {
    return undefined;
  }
}

// ---------------------------------------------------------------- paths

/** A property that is not asked for is never there: its row would see it empty, and write the whole of it without the rest. */
function checkAsked(state: Compiling, side: ResolvedSide, roots: readonly string[], path: YamlPath): void {
  const { entityConfig: entity, config } = side;
  for (const root of roots) {
    const lacking = lackedBy(entity, root);
    if (lacking.length === 0) continue;
    const message = lackMessage(root, lacking, entity.optional?.param ?? '');
    state.report.add('CONFIG_OPERATION', path, `${side.entity} of ${side.system} ${message}, in ${config.file}.`);
  }
}

function checkPlace(
  state: Compiling,
  side: ResolvedSide,
  steps: readonly PathStep[],
  path: YamlPath,
): { schema: JsonSchema | undefined; readOnly: boolean } | undefined {
  const place = schemaPlace(side.entityConfig.schema, steps);
  if (place.found) return place;
  state.report.add(
    'CONFIG_PATH',
    path,
    place.message.replace(/^The entity has/, `${side.entity} of ${side.system} has`),
  );
  return undefined;
}

function correlates(state: Compiling): [WritablePath | undefined, WritablePath | undefined] {
  const paths: [WritablePath | undefined, WritablePath | undefined] = [undefined, undefined];
  for (const [name, source] of Object.entries(state.draft.content.correlate ?? {})) {
    const path = ['correlate', name];
    const index = sideIndex(state, name, path, 'key');
    if (index === undefined) continue;
    const side = state.sides[index];
    let parsed: WritablePath | undefined;
    try {
      parsed = parsePath(source);
    } catch (error) {
      state.report.addError(path, asTandemError(error));
      continue;
    }
    if (!parsed) {
      state.report.add('CONFIG_PATH', path, 'Must be a simple path that can be written, such as external_id.');
      continue;
    }
    const place = checkPlace(state, side, parsed.steps, path);
    checkAsked(state, side, [parsed.root], path);
    if (place?.readOnly)
      state.report.add('CONFIG_PATH', path, `${source} is read-only on ${name}; take a field that can be written.`);
    if (place && findField(side.entityConfig, parsed.steps) === undefined) {
      const by = Object.keys(side.entityConfig.find?.by ?? {});
      state.report.add(
        'CONFIG_OPERATION',
        path,
        `${side.entity} of ${side.system} cannot be searched by ${source}${by.length > 0 ? `; it can by ${by.join(', ')}.` : '; its system file declares no "find".'}`,
      );
    }
    paths[index] = parsed;
  }
  return paths;
}

// ---------------------------------------------------------------- properties

function compileProperty(state: Compiling, property: PropertyFile & Record<string, unknown>, i: number): Property {
  const path = ['properties', i];
  const { report } = state;
  const names = state.sides.map((side) => side.name);
  for (const key of Object.keys(property)) {
    if (PROPERTY_KEYS.includes(key) || names.includes(key)) continue;
    const known = [...names, ...PROPERTY_KEYS];
    const hint = nearest(key, known);
    report.add(
      'CONFIG_SCHEMA',
      [...path, key],
      `"${key}" is not known here${hint ? `; did you mean "${hint}"?` : `; known are ${known.join(', ')}.`}`,
      'key',
    );
  }
  const direction: Direction =
    property.direction === undefined || property.direction === 'both'
      ? 'both'
      : (sideIndex(state, property.direction, [...path, 'direction'], 'value', ['both']) ?? 'both');
  const lookups = property.lookup ?? {};
  for (const name of Object.keys(lookups)) sideIndex(state, name, [...path, 'lookup', name], 'key');
  const sides = state.sides.map((side) =>
    propertySide(state, side, property[side.name] as string | undefined, lookups[side.name], direction, path),
  );
  const compiledSides: [PropertySide, PropertySide] = [sides[0]!, sides[1]!];
  const type = property.type ?? 'string';
  if (property.scale !== undefined && type !== 'decimal')
    report.add('CONFIG_SCHEMA', [...path, 'scale'], '"scale" is for type: decimal only.', 'key');
  if (property.equal !== undefined && type !== 'string')
    report.add('CONFIG_SCHEMA', [...path, 'equal'], '"equal" is for type: string only.', 'key');
  if (property.drift === 'revert' && direction === 'both')
    report.add('CONFIG_SCHEMA', [...path, 'drift'], '"drift" is for one-way properties: set "direction" too.', 'key');
  const conflict =
    property.conflict === undefined
      ? conflictQuiet(state)
      : conflictRule(state, property.conflict, [...path, 'conflict']);
  const convert = expressionsBySide(state, property.convert, [...path, 'convert'], { toward: true });
  for (const key of ['convert', 'fallback'] as const) {
    for (const name of Object.keys(property[key] ?? {})) {
      const toward = state.sides.findIndex((side) => side.name === name);
      if (toward >= 0 && direction !== 'both' && toward !== direction) {
        report.add(
          'CONFIG_SCHEMA',
          [...path, key, name],
          `Nothing flows to ${name}, as "direction" is ${property.direction}; remove this, or the direction.`,
          'key',
        );
      }
    }
  }
  const reference = compileReference(state, property, path);
  if (property.lossy && direction !== 'both')
    report.add(
      'CONFIG_SCHEMA',
      [...path, 'lossy'],
      '"lossy" is for two-way properties: nothing comes back here.',
      'key',
    );
  const compiled = {
    name: '',
    sides: compiledSides,
    type,
    scale: property.scale,
    equal: type === 'string' ? equalForms(state, property.equal) : undefined,
    required: property.required ?? false,
    direction,
    conflict,
    drift: property.drift ?? 'keep',
    convert,
    values:
      property.values === undefined
        ? undefined
        : compileTable(state, property.values, compiledSides, direction, { type, scale: property.scale }, [
            ...path,
            'values',
          ]),
    reference,
    lossy: property.lossy ?? false,
    ...report.placeOf(path),
  };
  return {
    ...compiled,
    definition: definitionOf(compiled, [state.sides[0].entityConfig, state.sides[1].entityConfig]),
  };
}

/** Those of the property and of the entities on both sides, in one order, so that the same forms are one definition. */
function equalForms({ sides }: Compiling, own: readonly Form[] = []): readonly Form[] | undefined {
  const declared = [...own, ...sides.flatMap(({ entityConfig }) => entityConfig.equal)];
  const forms = FORMS.filter((form) => declared.includes(form));
  return forms.length === 0 ? undefined : forms;
}

/** The mapping's own rule; it is reported once, where it stands. */
function conflictQuiet(state: Compiling): ConflictRule {
  const text = state.draft.content.conflict ?? 'latest';
  if (text === 'latest' || text === 'review') return text;
  const index = state.sides.findIndex((side) => side.name === text);
  return index === 0 || index === 1 ? index : 'review';
}

function propertySide(
  state: Compiling,
  side: ResolvedSide,
  source: string | undefined,
  lookup: string | undefined,
  direction: Direction,
  path: YamlPath,
): PropertySide {
  const at = [...path, side.name];
  if (source === undefined) {
    state.report.add('CONFIG_SCHEMA', path, `"${side.name}" is missing: say where the value lives on that side.`);
    return { source: '', path: undefined, expression: undefined, schema: undefined, lookup: undefined };
  }
  let parsed: WritablePath | undefined;
  try {
    parsed = parsePath(source);
  } catch (error) {
    state.report.addError(at, asTandemError(error));
    return { source, path: undefined, expression: undefined, schema: undefined, lookup: undefined };
  }
  const written = direction === 'both' || direction === side.index;
  const other = state.sides[otherSide(side.index)].name;
  const place = parsed ? checkPlace(state, side, parsed.steps, at) : undefined;
  if (parsed) checkAsked(state, side, [parsed.root], at);
  if (place?.readOnly && written)
    state.report.add(
      'CONFIG_PATH',
      at,
      `${source} is read-only, so nothing can flow to it; set "direction: ${other}".`,
    );
  let computed: Expression | undefined;
  if (!parsed) {
    computed = expression(state, source, at, { reads: side.index });
    if (computed && written) {
      state.report.add(
        'CONFIG_PATH',
        at,
        `A value flows to ${side.name}, so this must be a simple path such as address.line1 or emails[type='work'].email; or set "direction: ${other}".`,
      );
    }
  }
  return {
    source,
    path: parsed,
    expression: computed,
    schema: place?.schema,
    lookup: lookup === undefined ? undefined : compileLookup(state, side, lookup, [...path, 'lookup', side.name]),
  };
}

function compileLookup(state: Compiling, side: ResolvedSide, text: string, path: YamlPath): PropertySide['lookup'] {
  const dot = text.indexOf('.');
  const entity = text.slice(0, dot);
  const field = text.slice(dot + 1);
  const config = Object.hasOwn(side.config.entities, entity) ? side.config.entities[entity] : undefined;
  if (!config) {
    state.report.add('CONFIG_REFERENCE', path, unknownEntity(side.config, entity));
    return undefined;
  }
  if (!config.list)
    state.report.add(
      'CONFIG_OPERATION',
      path,
      `The entity "${entity}" of "${side.system}" has no operation "list", which a lookup needs.`,
    );
  const steps = quietPath(field)?.steps;
  if (!steps)
    state.report.add('CONFIG_PATH', path, `"${field}" is no simple path; write ENTITY.FIELD, such as stages.name.`);
  else {
    const place = schemaPlace(config.schema, steps);
    if (!place.found)
      state.report.add(
        'CONFIG_PATH',
        path,
        place.message.replace(/^The entity has/, `${entity} of ${side.system} has`),
      );
  }
  return { entity, field };
}

function compileTable(
  state: Compiling,
  values: string | Record<string, Json>,
  sides: readonly [PropertySide, PropertySide],
  direction: Direction,
  type: TypeOptions,
  path: YamlPath,
): ValueTable | undefined {
  const { report } = state;
  let entries: TableEntries;
  let name: string;
  let file = report.file;
  let lineOf = (key: string): number => report.placeOf([...path, key]).line;
  if (typeof values === 'string') {
    const dot = values.indexOf('.');
    const [fileName, tableName] = dot < 0 ? [values, ''] : [values.slice(0, dot), values.slice(dot + 1)];
    const tables = state.context.tables.get(fileName);
    if (!tables) {
      const hint = nearest(fileName, state.context.tables.keys());
      const why = state.context.faultyTables.has(fileName)
        ? 'has faults of its own'
        : `does not exist${hint ? `; did you mean "${hint}"?` : ''}`;
      report.add('CONFIG_REFERENCE', path, `The file mappings/values/${fileName}.yaml ${why}`);
      return undefined;
    }
    const found = tables.tables.get(tableName);
    if (!found) {
      const names = [...tables.tables.keys()];
      const hint = nearest(tableName, names);
      report.add(
        'CONFIG_REFERENCE',
        path,
        `${tables.file} has no table "${tableName}"${hint ? `; did you mean "${fileName}.${hint}"?` : `; it has ${names.join(', ')}.`}`,
      );
      return undefined;
    }
    state.tableTexts.set(tables.file, tables.text);
    file = tables.file;
    lineOf = (key) => tables.lineOf(tableName, key);
    entries = found;
    name = values;
  } else {
    entries = entriesOf(values, report, path);
    name = INLINE;
  }
  // Behind a lookup or a conversion the table does not touch the place itself.
  const schemaOf = (side: PropertySide): JsonSchema | undefined => (side.lookup ? undefined : side.schema);
  const inline = typeof values !== 'string';
  const property = state.draft.content.properties[Number(path[1])];
  const firstConverted = property?.convert !== undefined;
  const { table, faults } = buildTable(
    name,
    entries,
    type,
    [firstConverted ? undefined : schemaOf(sides[0]), schemaOf(sides[1])],
    { forward: direction !== 0, backward: direction !== 1 },
    (first, second) => {
      const [a, b] = [lineOf(first), lineOf(second)];
      return `${a === b ? `line ${a}` : `lines ${a} and ${b}`} of ${file}`;
    },
  );
  for (const fault of faults)
    report.add(
      'CONFIG_TABLE',
      inline && fault.key !== undefined ? [...path, fault.key] : path,
      fault.message,
      inline && fault.key !== undefined ? 'key' : 'value',
    );
  return table;
}

function compileReference(state: Compiling, property: PropertyFile, path: YamlPath): ReferenceConfig | undefined {
  const { report } = state;
  if (property.reference === undefined) {
    if (property.fallback)
      report.add('CONFIG_SCHEMA', [...path, 'fallback'], '"fallback" goes with "reference", which is missing.', 'key');
    return undefined;
  }
  const at = [...path, 'reference'];
  for (const key of ['values', 'lookup', 'convert'] as const) {
    if (property[key] !== undefined)
      report.add(
        'CONFIG_SCHEMA',
        [...path, key],
        `"${key}" cannot go with "reference", which translates the id itself.`,
        'key',
      );
  }
  const fallback = expressionsBySide(state, property.fallback, [...path, 'fallback'], { toward: true });
  if (!checkMapping(state, property.reference, at)) return undefined;
  const target = property.reference === state.draft.name ? state.draft : state.context.drafts.get(property.reference)!;
  const sides = [referredSide(state, 0, target), referredSide(state, 1, target)];
  const [first, second] = sides;
  if (first === undefined || second === undefined || first === second) {
    const say = (draft: MappingDraft): string =>
      draft.sides.map((side) => `${side.name} (${side.system})`).join(' and ');
    report.add(
      'CONFIG_REFERENCE',
      at,
      `The mapping "${target.name}" is between ${say(target)}, this one between ${say(state.draft)}: their sides do not fit each other.`,
    );
    return undefined;
  }
  state.needs.push({ mapping: property.reference, required: property.required === true, path: at });
  return { mapping: property.reference, sides: [first, second], fallback };
}

/** By system; where both sides are of one system, by name. */
function referredSide(state: Compiling, index: SideIndex, target: MappingDraft): SideIndex | undefined {
  const side = state.sides[index];
  const fitting = ([0, 1] as const).filter((i) => target.sides[i].system === side.system);
  if (fitting.length === 1) return fitting[0];
  return fitting.find((i) => target.sides[i].name === side.name);
}

/** Named by the path on the first side, or on the second where the first has none; by both where that is not unique. */
function namedProperties(properties: readonly Property[]): Property[] {
  const plain = (property: Property): string =>
    property.sides[0].path || !property.sides[1].path ? property.sides[0].source : property.sides[1].source;
  const counts = new Map<string, number>();
  for (const property of properties) counts.set(plain(property), (counts.get(plain(property)) ?? 0) + 1);
  return properties.map((property) => ({
    ...property,
    name:
      counts.get(plain(property)) === 1 ? plain(property) : `${property.sides[0].source} > ${property.sides[1].source}`,
  }));
}

// ---------------------------------------------------------------- checks of the whole

/** No place is written by two rows, nor by a row and the correlation. */
function checkTargets(
  state: Compiling,
  properties: readonly Property[],
  correlate: readonly [WritablePath | undefined, WritablePath | undefined],
): void {
  for (const side of state.sides) {
    const written: { steps: readonly PathStep[]; what: string }[] = [];
    const correlated = correlate[side.index];
    if (correlated) written.push({ steps: correlated.steps, what: '"correlate"' });
    for (const [i, property] of properties.entries()) {
      const { path } = property.sides[side.index];
      if (!path || (property.direction !== 'both' && property.direction !== side.index)) continue;
      const other = written.find((one) => overlaps(one.steps, path.steps));
      if (other)
        state.report.add(
          'CONFIG_DUPLICATE',
          ['properties', i, side.name],
          `${path.source} is written by ${other.what} already; one place takes one value.`,
        );
      else written.push({ steps: path.steps, what: `properties[${i}]` });
    }
  }
}

function overlaps(a: readonly PathStep[], b: readonly PathStep[]): boolean {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    if (a[i]!.name !== b[i]!.name) return false;
    const [first, second] = [a[i]!.select, b[i]!.select];
    if (first && second && JSON.stringify(first) !== JSON.stringify(second)) return false;
  }
  return true;
}

function checkOperations(
  state: Compiling,
  create: CreateRules,
  deletes: readonly [DeleteRule, DeleteRule],
  properties: readonly Property[],
): void {
  const { report, draft } = state;
  for (const side of state.sides) {
    const { entityConfig: entity, index, name } = side;
    const lacks = (
      operation: string,
      why: string,
      path: YamlPath,
      of: 'value' | 'key' = 'value',
      code: ErrorCode = 'CONFIG_OPERATION',
    ): void => report.add(code, path, `${side.entity} of ${side.system} has no operation "${operation}", ${why}`, of);
    if (!entity.list) lacks('list', 'without which its records cannot be seen.', ['between', name]);
    if (!entity.read) lacks('read', 'without which no record can be reconciled.', ['between', name]);
    const at = createPath(draft, index);
    if (create[index] !== undefined) {
      const written = new Set(
        properties
          .filter((property) => property.direction === 'both' || property.direction === index)
          .map((property) => property.sides[index].path?.root),
      );
      for (const field of Array.isArray(entity.schema.required) ? entity.schema.required : []) {
        if (written.has(String(field))) continue;
        report.add(
          'CONFIG_SCHEMA',
          at,
          `A new record of ${side.entity} needs "${String(field)}", which no property writes; add one, or do not create on ${name}.`,
        );
      }
    }
    if (create[index] !== undefined && !entity.create) lacks('create', `so "${name}" cannot stand here.`, at);
    if (deletes[index] === 'propagate' && !entity.delete) {
      lacks(
        'delete',
        'so deletes cannot propagate to it; write keep or review.',
        typeof draft.content.deletes === 'string' ? ['deletes'] : ['deletes', name],
      );
    }
    const flows = properties.findIndex((property) => property.direction === 'both' || property.direction === index);
    if (flows >= 0 && !entity.update) {
      const other = state.sides[otherSide(index)].name;
      lacks('update', `so no value can flow to it; set "direction: ${other}" on the properties.`, [
        'properties',
        flows,
        name,
      ]);
    }
  }
}

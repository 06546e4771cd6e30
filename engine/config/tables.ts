/** Value tables: files of them in mappings/values, and the two directions of one table. */
import { nearest } from '../expression/nearest.ts';
import { isEmpty, type TypeOptions, tableKey } from '../expression/values.ts';
import { isObject } from '../json.ts';
import type { Json } from '../types.ts';
import { createReport, type Report } from './report.ts';
import { schemaTypes } from './schema-path.ts';
import type { JsonSchema, Problem, ValueTable } from './types.ts';
import { isFault, parseYaml, type YamlPath } from './yaml.ts';

type Scalar = string | number | boolean;

/** Name of a table that stands in the mapping file itself; those of files have a dot in theirs. */
export const INLINE = 'inline';

/** Entries from the first side to the second, as the file gives them. */
export type TableEntries = ReadonlyMap<string, Scalar>;

export interface TableFile {
  readonly name: string;
  readonly file: string;
  readonly text: string;
  readonly tables: ReadonlyMap<string, TableEntries>;
  /** Line of an entry, from 1. */
  lineOf(table: string, key: string): number;
}

/** A file of tables: every key but `description` is one. */
export function loadTables(
  name: string,
  file: string,
  text: string,
): { value: TableFile | undefined; problems: Problem[] } {
  const document = parseYaml(text);
  if (isFault(document)) return { value: undefined, problems: [{ ...document, file, where: '' }] };
  const report = createReport(file, document);
  const tables = new Map<string, TableEntries>();
  if (!isObject(document.value))
    report.add('CONFIG_SCHEMA', [], 'Must hold tables by name, each a mapping of values to values.');
  else {
    for (const [key, table] of Object.entries(document.value)) {
      if (key === 'description' && typeof table === 'string') continue;
      if (!isObject(table) || Object.keys(table).length === 0) {
        report.add('CONFIG_SCHEMA', [key], 'Must be a mapping of values to values.');
        continue;
      }
      for (const [from, to] of Object.entries(table)) {
        if (!isScalar(to)) report.add('CONFIG_SCHEMA', [key, from], 'Must be a text, a number, or true or false.');
      }
      tables.set(key, entriesOf(table, report, [key]));
    }
  }
  const lineOf: TableFile['lineOf'] = (table, key) => report.placeOf([table, key]).line;
  return {
    value: report.problems.length === 0 ? { name, file, text, tables, lineOf } : undefined,
    problems: report.problems,
  };
}

/**
 * @param path where the table stands. A number that is not written as numbers are (0123, 1.10, more digits than a number
 *   holds) counts as it is written, as keys do: it is a code
 */
export function entriesOf(table: Readonly<Record<string, Json>>, report: Report, path: YamlPath): TableEntries {
  const entries = new Map<string, Scalar>();
  for (const [key, value] of Object.entries(table)) {
    if (!isScalar(value)) continue;
    const written = typeof value === 'number' ? report.written([...path, key]) : undefined;
    entries.set(key, written !== undefined && written !== String(value) ? written : value);
  }
  return entries;
}

export interface TableFault {
  /** The key of the entry concerned; undefined for the whole table. */
  readonly key: string | undefined;
  readonly message: string;
}

/**
 * Both directions of a table, in the types of the two places. A direction that is used must be a function: no two
 * entries of it begin with the same value under the declared type, and none with an empty one, which is never looked up.
 *
 * @param options the type by which values compare
 * @param ways which directions are used: forward is from the first side to the second
 * @param linesOf where two entries stand, in words
 */
export function buildTable(
  name: string,
  entries: TableEntries,
  options: TypeOptions,
  schemas: readonly [JsonSchema | undefined, JsonSchema | undefined],
  ways: { readonly forward: boolean; readonly backward: boolean },
  linesOf: (first: string, second: string) => string,
): { table: ValueTable; faults: TableFault[] } {
  const faults: TableFault[] = [];
  const forward = new Map<string, Scalar>();
  const backward = new Map<string, Scalar>();
  const owners = [new Map<string, string>(), new Map<string, string>()] as const;
  const add = (side: 0 | 1, key: string, from: Scalar, to: Scalar): void => {
    const used = side === 0 ? ways.forward : ways.backward;
    const text = tableKey(from, options);
    const rival = owners[side].get(text);
    if (rival === undefined) {
      owners[side].set(text, key);
      (side === 0 ? forward : backward).set(text, to);
    }
    if (!used) return;
    if (isEmpty(from)) faults.push({ key, message: emptyFault(side, key) });
    else if (rival !== undefined) {
      const fault =
        side === 0
          ? `"${rival}" and "${key}" are the same value as ${options.type}, so it has no one counterpart (${linesOf(rival, key)}). Keep one of them.`
          : `"${rival}" and "${key}" both become "${text}", so "${text}" has no one way back (${linesOf(rival, key)}). Keep one of them, or set "direction".`;
      faults.push({ key, message: fault });
    }
  };
  for (const [key, value] of entries) {
    const from = typed(key, schemas[0]);
    const to = typed(value, schemas[1]);
    add(0, key, from, to);
    add(1, key, to, from);
    for (const [side, item] of [
      [0, from],
      [1, to],
    ] as const) {
      const allowed = schemas[side]?.enum;
      if (!Array.isArray(allowed) || allowed.includes(item)) continue;
      const names = allowed.filter((one) => one !== null).map(String);
      const hint = nearest(String(item), names);
      faults.push({
        key,
        message: `"${String(item)}" is no value of its property${hint ? `; did you mean "${hint}"?` : `; it takes ${names.join(', ')}.`}`,
      });
    }
  }
  return { table: { name, forward, backward }, faults };
}

const emptyFault = (side: 0 | 1, key: string): string =>
  side === 0
    ? 'An empty value stays empty and is never looked up; remove this entry.'
    : `"${key}" becomes an empty value, which has no way back: empty stays empty. Remove this entry, or set "direction".`;

/** A key is always written as text; the place it goes to may want a number or true/false. */
function typed(value: Scalar, schema: JsonSchema | undefined): Scalar {
  const types = schemaTypes(schema);
  if (types.length !== 1) return value;
  if (types[0] === 'string') return String(value);
  if (
    (types[0] === 'integer' || types[0] === 'number') &&
    typeof value === 'string' &&
    value.trim() !== '' &&
    Number.isFinite(Number(value))
  )
    return Number(value);
  if (types[0] === 'boolean' && (value === 'true' || value === 'false')) return value === 'true';
  return value;
}

const isScalar = (value: Json): value is Scalar =>
  typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean';

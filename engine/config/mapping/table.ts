/** The value table of a property, from its row or from a file of tables. */

import { nearest } from '../../expression/nearest.ts';
import type { TypeOptions } from '../../expression/values.ts';
import type { Json } from '../../types.ts';
import { buildTable, entriesOf, INLINE, type TableEntries } from '../tables.ts';
import type { Direction, JsonSchema, PropertySide, ValueTable } from '../types.ts';
import type { YamlPath } from '../yaml.ts';
import type { Compiling } from './compiling.ts';

export function compileTable(
  state: Compiling,
  values: string | Record<string, Json>,
  sides: readonly [PropertySide, PropertySide],
  direction: Direction,
  type: TypeOptions,
  path: YamlPath,
): ValueTable | undefined {
  const { report } = state;
  const source = typeof values === 'string' ? sharedTable(state, values, path) : inlineTable(state, values, path);
  if (!source) return undefined;
  const { name, entries, file, lineOf } = source;
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

/** The entries of a table, and where each stands. */
interface TableSource {
  readonly name: string;
  readonly entries: TableEntries;
  readonly file: string;
  lineOf(key: string): number;
}

function inlineTable({ report }: Compiling, values: Record<string, Json>, path: YamlPath): TableSource {
  return {
    name: INLINE,
    entries: entriesOf(values, report, path),
    file: report.file,
    lineOf: (key) => report.placeOf([...path, key]).line,
  };
}

/** A table of a file in mappings/values: FILE.TABLE. */
function sharedTable(state: Compiling, values: string, path: YamlPath): TableSource | undefined {
  const { report } = state;
  const dot = values.indexOf('.');
  const [fileName, tableName] = dot < 0 ? [values, ''] : [values.slice(0, dot), values.slice(dot + 1)];
  const tables = state.context.tables.get(fileName);
  if (!tables) {
    const file = `The file mappings/values/${fileName}.yaml`;
    if (state.context.faultyTables.has(fileName)) {
      report.addSecondary(path, `${file} has faults of its own`);
      return undefined;
    }
    const hint = nearest(fileName, state.context.tables.keys());
    report.add('CONFIG_REFERENCE', path, `${file} does not exist${hint ? `; did you mean "${hint}"?` : ''}`);
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
  return { name: values, entries: found, file: tables.file, lineOf: (key) => tables.lineOf(tableName, key) };
}

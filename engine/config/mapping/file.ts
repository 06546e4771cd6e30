/** What a mapping file says, and reading it against its format. */

import type { Form } from '../../expression/forms.ts';
import { nearest } from '../../expression/nearest.ts';
import type { ValueType } from '../../expression/values.ts';
import { isObject } from '../../json.ts';
import type { Json } from '../../types.ts';
import type { BrakeFile } from '../brake-limits.ts';
import { NAMED_CONFLICT_RULES } from '../conflict.ts';
import type { CreateRule } from '../create-rule.ts';
import { createReport, type Report } from '../report.ts';
import type { SchemaFault } from '../schema-fault.ts';
import type { DeleteRule, JsonSchema, Problem } from '../types.ts';
import { schemaFaults } from '../validate.ts';
import { isFault, parseYaml } from '../yaml.ts';

export type BySide<T> = Readonly<Record<string, T>>;

export interface PropertyFile {
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

export interface MappingFile {
  mapping: string;
  description?: string;
  between: BySide<string | { system: string; entity: string }>;
  when?: BySide<string>;
  match?: (BySide<string> & { onMatch?: 'link' | 'review' })[];
  create?: string[] | BySide<CreateRule>;
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

export interface SideDraft {
  readonly name: string;
  readonly system: string;
  readonly entity: string;
}

/** Keys of a property that are not sides. */
export const PROPERTY_KEYS = [
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
const RESERVED_SIDES = new Set([
  ...PROPERTY_KEYS,
  ...NAMED_CONFLICT_RULES,
  'onMatch',
  'both',
  'keep',
  'propagate',
  'off',
]);

/**
 * Where the names of sides stand, any other key is taken for one: what is misspelt there, or indented too far, has no path or
 * expression as its value.
 */
function misplacedKey(format: JsonSchema, { keyword, path }: SchemaFault): string | undefined {
  const keys = format.properties as object;
  const [first, second, third] = path;
  if (keyword !== 'type') return undefined;
  if (first === 'properties' && path.length === 3 && typeof third === 'string') {
    const hint = nearest(third, PROPERTY_KEYS);
    return hint === third ? undefined : `"${third}" is no key of a property and no side with a path${didYouMean(hint)}`;
  }
  if (path.length !== 2 || typeof second !== 'string' || !Object.hasOwn(keys, second)) return undefined;
  return `"${second}" is a key of the file, not of "${String(first)}": it is indented too far.`;
}

const didYouMean = (hint: string | undefined): string => (hint === undefined ? '.' : `; did you mean "${hint}"?`);

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
  for (const fault of schemaFaults(format, value)) {
    const misplaced = misplacedKey(format, fault);
    report.add('CONFIG_SCHEMA', fault.path, misplaced ?? fault.message, misplaced ? 'key' : fault.of);
  }
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

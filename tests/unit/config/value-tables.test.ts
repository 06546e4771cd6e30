/** Value tables: whatever the table, it loads exactly when each direction that is used is a function. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type Fingerprint,
  fingerprint,
  isEmpty,
  type TypeOptions,
  unkeyed,
  type ValueType,
} from '../../../engine/expression/values.ts';
import { convertProperty } from '../../../engine/sync/convert.ts';
import { viewRecord } from '../../../engine/sync/view.ts';
import type { Json } from '../../../engine/types.ts';
import { edited, load, reported } from './fixture.ts';

const FILE = 'mappings/people-customers.yaml';
const TABLES = 'mappings/values/t.yaml';

interface Table {
  readonly entries: readonly (readonly [string, string | number | boolean])[];
  readonly type: ValueType;
  readonly direction: 'both' | 'crm' | 'shop';
  readonly from: 'inline' | 'file';
}

/** Texts of which several are one value under a type. */
const TEXTS = ['a', 'A', '1', '1.0', '01', '2', 'true', '', '2026-01-01', '2026-01-01T00:00:00Z', '1e0', 'x y', '__x'];
const table: fc.Arbitrary<Table> = fc.record({
  entries: fc.uniqueArray(
    fc.tuple(fc.constantFrom(...TEXTS), fc.oneof(fc.constantFrom(...TEXTS), fc.constantFrom(1, 2, 1.5, true, false))),
    { selector: ([key]) => key, minLength: 1, maxLength: 5 },
  ),
  type: fc.constantFrom<ValueType>('string', 'integer', 'decimal', 'boolean', 'date', 'datetime', 'list'),
  direction: fc.constantFrom('both', 'crm', 'shop'),
  from: fc.constantFrom('inline', 'file'),
});

const line = ([key, value]: readonly [string, unknown]): string => `${JSON.stringify(key)}: ${JSON.stringify(value)}`;

/** The mapping with a row between two places of which the schema says nothing, and the table. */
function configOf({ entries, type, direction, from }: Table) {
  const row = [
    '  - crm: free.x',
    '    shop: extra',
    `    type: ${type}`,
    ...(direction === 'both' ? [] : [`    direction: ${direction}`]),
    ...(from === 'file' ? ['    values: t.x'] : ['    values:', ...entries.map((entry) => `      ${line(entry)}`)]),
  ];
  return load({
    ...edited(FILE, ['    shop: street\n', `    shop: street\n${row.join('\n')}\n`]),
    ...edited('schemas/shop/customers.schema.json', ['"phone":{', '"extra":{},"phone":{']),
    ...(from === 'file' ? { [TABLES]: `x:\n${entries.map((entry) => `  ${line(entry)}\n`).join('')}` } : {}),
  });
}

/** Two values that are one under the type; what does not fit the type is compared as text. */
function sameUnder(options: TypeOptions) {
  const fits = (value: unknown): boolean => fingerprint(value, options) === fingerprint(String(value), options);
  return (a: unknown, b: unknown): boolean =>
    String(a) === String(b) ||
    (fits(a) && fits(b) && (fingerprint(a, options) satisfies Fingerprint) === fingerprint(b, options));
}

/** Pairs of entries that begin alike in a direction, and entries that begin empty. */
function rivals(sources: readonly unknown[], options: TypeOptions): (readonly [number, number])[] {
  const same = sameUnder(options);
  return sources.flatMap((a, i) =>
    sources.slice(0, i).flatMap((b, j) => (!isEmpty(a) && !isEmpty(b) && same(a, b) ? [[j, i] as const] : [])),
  );
}

describe('a value table', () => {
  it('loads two-way if and only if it is one-to-one, and one-way if it is a function that way', () => {
    fc.assert(
      fc.property(table, (one) => {
        const { config, problems } = configOf(one);
        const options = { type: one.type };
        const keys = one.entries.map(([key]) => key);
        const values = one.entries.map(([, value]) => value);
        const forward = one.direction !== 'crm';
        const backward = one.direction !== 'shop';
        const broken =
          (forward && (rivals(keys, options).length > 0 || keys.some(isEmpty))) ||
          (backward && (rivals(values, options).length > 0 || values.some(isEmpty)));
        expect(config.mappings.has('people-customers'), JSON.stringify(reported({ config, problems }))).toBe(!broken);
        expect(problems.every((problem) => problem.code === 'CONFIG_TABLE')).toBe(true);
        expect(problems.length > 0).toBe(broken);
      }),
      { numRuns: 300 },
    );
  }, 120_000);

  it('with rival entries is refused with its file, its line and both entries', () => {
    fc.assert(
      fc.property(table, (one) => {
        const { problems } = configOf(one);
        const keys = one.entries.map(([key]) => key);
        const offset = one.from === 'file' ? 2 : 22 + (one.direction === 'both' ? 0 : 1);
        for (const { message, file, line: at } of problems) {
          expect(file).toBe(FILE);
          const pair = /^"(.*)" and "(.*)" (?:both become|are the same)/.exec(message);
          if (!pair) {
            expect(message).toMatch(/empty value/);
            continue;
          }
          const [first, second] = [keys.indexOf(pair[1]!), keys.indexOf(pair[2]!)].map((index) => index + offset);
          expect(message).toContain(`lines ${first} and ${second} of ${one.from === 'file' ? TABLES : FILE}`);
          // An inline table is reported at the second of the two, a table in a file where it is used.
          expect(at).toBe(one.from === 'file' ? 21 + (one.direction === 'both' ? 0 : 1) : second);
        }
      }),
      { numRuns: 200 },
    );
  }, 120_000);

  it('goes there and back to the same value, whatever form of it a system answers', async () => {
    await fc.assert(
      fc.asyncProperty(table, async (one) => {
        const { config } = configOf({ ...one, direction: 'both' });
        const mapping = config.mappings.get('people-customers');
        if (!mapping) return;
        const property = mapping.properties.at(-1)!;
        const context = { fingerprinter: unkeyed } as Parameters<typeof convertProperty>[4];
        const view = (side: 0 | 1, value: Json) =>
          viewRecord(
            mapping,
            side,
            {
              id: '1',
              modified: undefined,
              version: undefined,
              data: side === 0 ? { free: { x: value } } : { extra: value },
            },
            unkeyed,
          );
        for (const [key] of one.entries) {
          for (const form of formsOf(key, one.type)) {
            const there = await convertProperty(mapping, property, await view(0, form), 1, context);
            // A value of another type than the declared one is refused, not guessed at.
            if (!there.ok) {
              expect(there.error.code).toBe('VALUE_TYPE');
              continue;
            }
            for (const answer of formsOf(there.value, one.type)) {
              const back = await convertProperty(mapping, property, await view(1, answer), 0, context);
              expect(back.ok && sameUnder(property)(back.value, key), JSON.stringify([form, answer, back])).toBe(true);
            }
          }
        }
      }),
      { numRuns: 200 },
    );
  }, 120_000);
});

/** The same value as another system might write it. */
function formsOf(value: Json, type: ValueType): Json[] {
  if (typeof value === 'number' && type !== 'string') return [value, value.toFixed(3), `${value}`];
  if (typeof value === 'boolean') return [value, String(value)];
  const forms: Json[] = [value];
  if (typeof value !== 'string') return forms;
  if (/^(integer|decimal)$/.test(type) && /^\d/.test(value) && Number.isFinite(Number(value)))
    forms.push(Number(value), `${value}${/[.e]/.test(value) ? '' : '.00'}`);
  if (type === 'datetime' && value.endsWith('Z')) forms.push(value.replace('Z', '+00:00'));
  return forms;
}

describe('a number that is not written as numbers are', () => {
  const rows = '      0123: 1.10\n      1e3: 0x1F\n      12345678901234567890: 007\n      5: 10\n';
  const inline = edited(FILE, [
    '    shop: street\n',
    `    shop: street\n  - crm: free.x\n    shop: extra\n    values:\n${rows}`,
  ]);
  const inFile = {
    ...edited(FILE, ['    shop: street\n', '    shop: street\n  - crm: free.x\n    shop: extra\n    values: t.x\n']),
    [TABLES]: `x:\n${rows}`,
  };

  it.each([
    ['in a mapping', inline],
    ['in a file of tables', inFile],
  ])('counts as it is written, as the key and as the value of an entry %s', (_, edits) => {
    const { config, problems } = load({
      ...edits,
      ...edited('schemas/shop/customers.schema.json', ['"phone":{', '"extra":{},"phone":{']),
    });
    expect(problems).toEqual([]);
    const { values } = config.mappings.get('people-customers')!.properties.at(-1)!;
    expect(Object.fromEntries(values!.forward)).toEqual({
      '0123': '1.10',
      '1e3': '0x1F',
      '12345678901234567890': '007',
      '5': 10,
    });
    expect(values!.backward.get('1.10')).toBe('0123');
    expect(values!.backward.get('007')).toBe('12345678901234567890');
  });
});

/**
 * The laws of sync for mappings that are loaded from YAML: with their real types, tables, conversions and paths, between
 * two systems that keep what they are given, or write it in a form of their own.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Mapping, Property } from '../../../engine/config/types.ts';
import { fingerprint, isEmpty, unkeyed, type ValueType } from '../../../engine/expression/values.ts';
import { type MergeResult, merge } from '../../../engine/merge/merge.ts';
import { linkedState, unlinkedState } from '../../../engine/merge/record-state.ts';
import { type ConvertContext, convertProperty, propertyStates } from '../../../engine/sync/convert.ts';
import { type RecordView, viewRecord } from '../../../engine/sync/view.ts';
import { type Base, type Json, type JsonObject, otherSide, type SideIndex } from '../../../engine/types.ts';
import { load, reported } from '../config/fixture.ts';

// ---------------------------------------------------------------- mappings

interface Row {
  readonly type: ValueType;
  readonly scale: number | undefined;
  readonly direction: 'both' | 'crm' | 'shop';
  readonly conflict: 'latest' | 'crm' | 'shop' | 'review';
  readonly drift: 'keep' | 'revert';
  readonly required: boolean;
  readonly convert: (typeof CONVERSIONS)[number];
  readonly table: readonly string[] | undefined;
  /** What the schema of each side says of the place. */
  readonly schemas: readonly [string, string];
  /** Where it lives on each side. */
  readonly nested: readonly [boolean, boolean];
}

/** Toward crm, toward shop. */
const CONVERSIONS = [
  { name: 'none' },
  { name: 'one-to-one', crm: '$substringAfter($string($), "#")', shop: '"#" & $' },
  { name: 'lossy', shop: '$lowercase($trim($string($)))' },
  { name: 'lossy both ways', crm: '$substring($string($), 0, 3)', shop: '$uppercase($string($))' },
  { name: 'partial', shop: '$contains($string($), "a") ? $error("no a") : $' },
  { name: 'leaves nothing of some', crm: '$string($) = "n/a" ? "" : $', shop: '$replace($string($), /^n\\/a$/, "")' },
] as const;

const row: fc.Arbitrary<Row> = fc
  .record({
    type: fc.constantFrom<ValueType>('string', 'integer', 'decimal', 'boolean', 'date', 'datetime', 'list'),
    scale: fc.constantFrom(undefined, 0, 2),
    direction: fc.constantFrom('both' as const, 'both' as const, 'crm' as const, 'shop' as const),
    conflict: fc.constantFrom('latest' as const, 'crm' as const, 'shop' as const, 'review' as const),
    drift: fc.constantFrom('keep' as const, 'revert' as const),
    required: fc.constantFrom(false, false, false, true),
    convert: fc.constantFrom(CONVERSIONS[0], ...CONVERSIONS),
    table: fc.option(fc.shuffledSubarray(['a', 'b', 'x', 'n/a'], { minLength: 2 }), { nil: undefined, freq: 5 }),
    schemas: fc.tuple(fc.constantFrom('{}', '"string"'), fc.constantFrom('{}', '"string"', '"number"')),
    nested: fc.tuple(fc.boolean(), fc.boolean()),
  })
  .map((one) => {
    // Conversions speak of text; a number is wanted only of what is one.
    const text = one.type === 'string' || one.type === 'list';
    const number = one.type === 'integer' || one.type === 'decimal';
    const tabular = one.type === 'decimal' || (one.type === 'string' && one.convert.name === 'none');
    const table = tabular ? one.table : undefined;
    return {
      ...one,
      table,
      convert: text ? one.convert : CONVERSIONS[0],
      schemas: number && !table ? one.schemas : (['{}', '{}'] as const),
    };
  });
const rows = fc.array(row, { minLength: 1, maxLength: 4 });

const schemaOf = (schema: string): Json => (schema === '{}' ? {} : { type: JSON.parse(schema) as string });

/** The mapping as a person would write it, through the real loader. */
function mappingOf(all: readonly Row[]): Mapping {
  const schema = (side: 0 | 1): string =>
    JSON.stringify({
      type: 'object',
      properties: {
        id: { type: 'string' },
        changed: { type: 'string' },
        ...Object.fromEntries(
          all.map((one, i) => {
            const place = schemaOf(one.schemas[side]);
            return one.nested[side] ? [`n${i}`, { type: 'object', properties: { v: place } }] : [`f${i}`, place];
          }),
        ),
      },
    });
  const system = (name: string): string =>
    `system: ${name}\nbaseUrl: https://${name}.example\nauth: { kind: none }\nentities:\n  things:\n    schema: ${name}/things\n    id: id\n    modified: changed\n    list: { path: /t, paging: { kind: none } }\n    read: { path: "/t/{id}" }\n    create: { path: /t }\n    update: { path: "/t/{id}" }\n`;
  const text = [
    'mapping: things',
    'between: { crm: things, shop: things }',
    'properties:',
    ...all.flatMap((one, i) => [
      `  - crm: ${one.nested[0] ? `n${i}.v` : `f${i}`}`,
      `    shop: ${one.nested[1] ? `n${i}.v` : `f${i}`}`,
      `    type: ${one.type}`,
      `    conflict: ${one.conflict}`,
      ...(one.type === 'decimal' && one.scale !== undefined ? [`    scale: ${one.scale}`] : []),
      ...(one.direction === 'both' ? [] : [`    direction: ${one.direction}`, `    drift: ${one.drift}`]),
      ...(one.required ? ['    required: true'] : []),
      ...(one.table
        ? [
            '    values:',
            ...one.table.map(
              (key, k) => `      ${JSON.stringify(key)}: ${JSON.stringify(one.type === 'decimal' ? k : `t${k}`)}`,
            ),
          ]
        : []),
      ...conversions(one),
    ]),
  ].join('\n');
  const { config, problems } = load({
    'systems/crm.yaml': system('crm'),
    'systems/shop.yaml': system('shop'),
    'schemas/crm/things.schema.json': schema(0),
    'schemas/shop/things.schema.json': schema(1),
    'mappings/people-customers.yaml': undefined,
    'mappings/things.yaml': text,
  });
  expect(reported({ config, problems }), text).toEqual([]);
  return config.mappings.get('things')!;
}

function conversions({ convert, direction }: Row): string[] {
  const lines = (['crm', 'shop'] as const).flatMap((side) =>
    side in convert && (direction === 'both' || direction === side)
      ? [`      ${side}: '${convert[side as never] as string}'`]
      : [],
  );
  return lines.length > 0 ? ['    convert:', ...lines] : [];
}

// ---------------------------------------------------------------- records and systems

const EMPTY: (Json | undefined)[] = [undefined, null, '', []];
const VALUES: Readonly<Record<ValueType, readonly Json[]>> = {
  string: ['a', 'A', ' a', 'b', '#a', 'n/a', 't0', 't1', 'x', 7, true],
  integer: [1, '1', '1.0', '01', 2, '-3', 0, 'n/a', '12345678901234567890'],
  decimal: ['a', 'b', 'x', 1, '1.00', '2', 10, '10.00', '1e1', 0.1, '0.10', '19.994', '19.99', 0, 'n/a'],
  boolean: [true, 'true', 1, '1', false, 'false', 0, '0', 'perhaps'],
  date: ['2026-01-01', '2026-01-01T23:00:00Z', '2026-01-01T23:30:00-01:00', '2026-01-02', 'soon'],
  datetime: ['2026-01-01T00:00:00Z', '2026-01-01T01:00:00+01:00', '2026-01-01', '2026-01-01T00:00:00.001Z', 'soon'],
  list: [['a', 'b'], ['b', 'a'], ['a'], 'a', [{ x: 1, y: 2 }], [{ y: 2, x: 1 }], ['A']],
};
const anyOf = (type: ValueType): fc.Arbitrary<Json | undefined> =>
  fc.oneof(
    { weight: 1, arbitrary: fc.constantFrom(...EMPTY) },
    { weight: 4, arbitrary: fc.constantFrom(...VALUES[type]) },
  );

/** What a system makes of a value that it is given; doing it twice changes nothing more. */
const HABITS = ['keeps', 'trims', 'as text', 'as null', 'other zone'] as const;
type Habit = (typeof HABITS)[number];
function habitual(habit: Habit, value: Json): Json {
  if (habit === 'as null') return isEmpty(value) ? null : value;
  if (habit === 'trims') return typeof value === 'string' ? value.trim() : value;
  if (habit === 'as text') return typeof value === 'number' || typeof value === 'boolean' ? String(value) : value;
  if (habit === 'other zone' && typeof value === 'string' && /T.*\.\d{3}Z$/.test(value))
    return new Date(Date.parse(value) + 3_600_000).toISOString().replace('Z', '+01:00');
  return value;
}

interface World {
  readonly rows: readonly Row[];
  readonly values: readonly (readonly [Json | undefined, Json | undefined])[];
  /** Per row: no base, that of the values, that of one of them, or that of others. */
  readonly known: readonly ('no' | 'both' | 'first' | 'second' | 'stale')[];
  readonly former: readonly (readonly [Json | undefined, Json | undefined])[];
  readonly habits: readonly [Habit, Habit];
  readonly modified: readonly [string | undefined, string | undefined];
}

const world: fc.Arbitrary<World> = rows.chain((all) => {
  const pairs = fc.tuple(...all.map((one) => fc.tuple(anyOf(one.type), anyOf(one.type))));
  const time = fc.constantFrom(undefined, '2026-01-01T00:00:00.000Z', '2026-01-02T00:00:00.000Z');
  return fc.record({
    rows: fc.constant(all),
    values: pairs,
    former: pairs,
    known: fc.tuple(
      ...all.map(() =>
        fc.constantFrom('no' as const, 'both' as const, 'first' as const, 'second' as const, 'stale' as const),
      ),
    ),
    habits: fc.tuple(fc.constantFrom(...HABITS), fc.constantFrom(...HABITS)),
    modified: fc.tuple(time, time),
  });
});

const context: ConvertContext = {
  fingerprinter: unkeyed,
  functions: () => ({ link: async () => undefined, record: async () => undefined, find: async () => [] }),
  reference: async () => 'pending',
  lookup: async () => undefined,
  lookupId: async () => undefined,
};

/** A record that holds the values; undefined is a field that is not there. */
function recordOf(mapping: Mapping, side: SideIndex, values: readonly (Json | undefined)[]): JsonObject {
  let data: JsonObject = { id: '1' };
  for (const [i, property] of mapping.properties.entries()) {
    if (values[i] === undefined) continue;
    const { path } = property.sides[side];
    // Set to something first, so that a null is there as one.
    data = path!.set(path!.set(data, 'x'), values[i]);
  }
  return data;
}

interface Link {
  readonly mapping: Mapping;
  readonly data: readonly [JsonObject, JsonObject];
  readonly base: Base;
}

const view = (link: Link, side: SideIndex, modified?: string): Promise<RecordView> =>
  viewRecord(link.mapping, side, { id: '1', modified, version: undefined, data: link.data[side] }, unkeyed);

function linkOf(mapping: Mapping, { values, former, known }: World): Link {
  const sides = [0, 1] as const;
  const base = mapping.properties.flatMap((property, i): [string, [string, string]][] => {
    const why = known[i]!;
    if (why === 'no') return [];
    const print = (side: SideIndex, own: boolean): string => fingerprint((own ? values : former)[i]![side], property);
    return [
      [property.name, [print(0, why === 'both' || why === 'first'), print(1, why === 'both' || why === 'second')]],
    ];
  });
  const data = sides.map((side) =>
    recordOf(
      mapping,
      side,
      values.map((pair) => pair[side]),
    ),
  );
  return { mapping, data: [data[0]!, data[1]!], base: Object.fromEntries(base) };
}

/** One reconcile, as the shell does it: read, decide, write, take what is answered for known. */
async function round(
  link: Link,
  { habits, modified }: Pick<World, 'habits' | 'modified'>,
): Promise<{ link: Link; decision: MergeResult; views: readonly [RecordView, RecordView] }> {
  const { mapping } = link;
  const views = [await view(link, 0, modified[0]), await view(link, 1, modified[1])] as const;
  const properties = await propertyStates(mapping, views, link.base, context);
  const decision = merge({ base: link.base, modified, properties });
  const data: [JsonObject, JsonObject] = [...link.data];
  for (const side of [0, 1] as const)
    for (const write of decision.writes[side]) {
      const property = mapping.properties.find((one) => one.name === write.property)!;
      data[side] = property.sides[side].path!.set(data[side], habitual(habits[side], write.value));
    }
  let after: Link = { mapping, data, base: decision.base };
  const base: Record<string, readonly [string, string]> = {};
  for (const [name, entry] of Object.entries(decision.base)) base[name] = [entry[0], entry[1]];
  for (const side of [0, 1] as const) {
    const answered = await view(after, side);
    for (const write of decision.writes[side]) {
      const own = answered.fingerprints[mapping.properties.findIndex((one) => one.name === write.property)]!;
      const entry = base[write.property]!;
      base[write.property] = side === 0 ? [own, entry[1]] : [entry[0], own];
    }
  }
  after = { ...after, base };
  return { link: after, decision, views };
}

const each = (check: (world: World, link: Link) => Promise<void>, numRuns = 60): Promise<void> =>
  fc.assert(
    fc.asyncProperty(world, async (one) => check(one, linkOf(mappingOf(one.rows), one))),
    { numRuns },
  );

/** Whether a side holds what it would be given, as far as it can hold it. */
async function holds(link: Link, property: Property, side: SideIndex, habit: Habit): Promise<boolean> {
  const from = await view(link, otherSide(side));
  const own = (await view(link, side)).fingerprints[link.mapping.properties.indexOf(property)]!;
  const made = await convertProperty(link.mapping, property, from, side, context);
  return made.ok && (made.fingerprint === own || fingerprint(habitual(habit, made.value), property) === own);
}

// ---------------------------------------------------------------- laws

describe('any mapping', () => {
  it(
    'converges in one round, and is quiet from then on',
    () =>
      each(async (one, link) => {
        const first = await round(link, one);
        const second = await round(first.link, one);
        expect(second.decision.writes).toEqual([[], []]);
        expect(second.link).toEqual(first.link);
      }),
    120_000,
  );

  it(
    'agrees on both sides of a two-way property, or waits',
    () =>
      each(async (one, link) => {
        const { link: after, decision } = await round(link, one);
        for (const [i, property] of after.mapping.properties.entries()) {
          const { rule } = decision.decisions[i]!;
          if (property.direction !== 'both' || ['in-step', 'review', 'blocked'].includes(rule)) continue;
          const both = [await holds(after, property, 0, one.habits[0]), await holds(after, property, 1, one.habits[1])];
          const views = [await view(after, 0), await view(after, 1)] as const;
          const nothing = await Promise.all(
            ([0, 1] as const).map(async (side) => {
              const made = await convertProperty(after.mapping, property, views[side], otherSide(side), context);
              return isEmpty(views[side].raw[i]) || (made.ok && made.fingerprint === '');
            }),
          );
          expect(both[0] || both[1] || (nothing[0] && nothing[1]), `${property.name}: ${rule}`).toBe(true);
        }
      }),
    120_000,
  );

  it(
    'is not moved by another form of the same value',
    () =>
      each(async (one, link) => {
        const { link: settled } = await round(link, one);
        const before = [await view(settled, 0), await view(settled, 1)] as const;
        for (const side of [0, 1] as const) {
          const values = settled.mapping.properties.map((property, i) =>
            otherForm(before[side].raw[i] as Json | undefined, property),
          );
          const data: [JsonObject, JsonObject] = [...settled.data];
          data[side] = recordOf(settled.mapping, side, values);
          const rewritten = { ...settled, data };
          const now = await view(rewritten, side);
          expect(linkedState(settled.mapping, now)).toBe(linkedState(settled.mapping, before[side]));
          expect(unlinkedState(settled.mapping, now)).toBe(unlinkedState(settled.mapping, before[side]));
          expect((await round(rewritten, one)).decision.writes).toEqual([[], []]);
        }
      }),
    120_000,
  );

  it(
    'carries the edit of one side over, and lets it be',
    () =>
      each(async (one, link) => {
        const { link: settled } = await round(link, one);
        const edited = settled.mapping.properties.findIndex((property) => property.direction === 'both');
        if (edited < 0) return;
        const property = settled.mapping.properties[edited]!;
        const base = settled.base[property.name];
        for (const side of [0, 1] as const) {
          const value = one.former[edited]![side];
          const data: [JsonObject, JsonObject] = [...settled.data];
          data[side] = property.sides[side].path!.set(data[side], value);
          const moved = { ...settled, data };
          const views = [await view(moved, 0), await view(moved, 1)] as const;
          if (!base || views[otherSide(side)].fingerprints[edited] !== base[otherSide(side)]) continue;
          const { link: after, decision } = await round(moved, one);
          const now = [await view(after, 0), await view(after, 1)] as const;
          expect(now[side].fingerprints[edited]).toBe(views[side].fingerprints[edited]);
          if (decision.decisions[edited]!.rule === 'blocked') continue;
          if (views[side].fingerprints[edited] !== base[side])
            expect(await holds(after, property, otherSide(side), one.habits[otherSide(side)])).toBe(true);
        }
      }),
    120_000,
  );

  it(
    'never lets what is empty overwrite a value at first contact',
    () =>
      each(async (one, link) => {
        const strangers = { ...link, base: {} };
        const { decision, views, link: after } = await round(strangers, one);
        for (const [i, property] of link.mapping.properties.entries())
          for (const side of [0, 1] as const) {
            if (isEmpty(views[side].raw[i])) continue;
            const now = await view(after, side);
            expect(isEmpty(now.raw[i]), `${property.name}: ${decision.decisions[i]!.rule}`).toBe(false);
          }
      }, 400),
    120_000,
  );

  it(
    'writes only JSON, and only what its own type reads back as the same',
    () =>
      each(async (one, link) => {
        const { decision, views } = await round(link, one);
        for (const side of [0, 1] as const)
          for (const write of decision.writes[side]) {
            const property = link.mapping.properties.find((single) => single.name === write.property)!;
            expect(JSON.parse(JSON.stringify(write.value))).toEqual(write.value);
            expect(fingerprint(write.value, property)).toBe(write.fingerprint);
            // Without a conversion it is the value that was read, with all its digits.
            if (!property.convert[side] && !property.values)
              expect(write.fingerprint).toBe(
                views[otherSide(side)].fingerprints[link.mapping.properties.indexOf(property)],
              );
          }
      }),
    120_000,
  );
});

/** The same value as another system, or the same one on another day, might write it. */
function otherForm(value: Json | undefined, { type, scale }: Property): Json | undefined {
  if (isEmpty(value)) return value === null ? '' : value === '' ? undefined : null;
  const text = String(value);
  if ((type === 'integer' || type === 'decimal') && /^-?\d+(\.\d+)?$/.test(text) && text.length < 15)
    return typeof value === 'number'
      ? text.includes('.')
        ? `${text}0`
        : `${text}.00`
      : scale === 0
        ? value
        : Number(text);
  if (type === 'boolean') return value === true ? 'true' : value === 'true' ? 1 : value === false ? '0' : value;
  if (type === 'datetime' && text.endsWith('Z')) return text.replace(/(\.000)?Z$/, '+00:00');
  if (type === 'date' && /^\d{4}-\d\d-\d\d$/.test(text)) return `${text}T12:00:00Z`;
  if (type === 'list' && !Array.isArray(value)) return [value as Json];
  if (type === 'string' && typeof value === 'number') return text;
  return value;
}

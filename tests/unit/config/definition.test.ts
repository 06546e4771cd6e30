/** The definition of a property changes exactly when another pair of values agrees under it, and tells what changed. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { definitionOf, redefined } from '../../../engine/config/definition.ts';
import type { EntityConfig, Property } from '../../../engine/config/types.ts';
import { edited, load } from './fixture.ts';

const FILE = 'mappings/people-customers.yaml';
const STREET = '  - crm: address.street\n    shop: street\n';

interface Row {
  crm: string;
  shop: string;
  type: 'string' | 'decimal';
  scale: number | undefined;
  direction: 'both' | 'crm' | 'shop';
  drift: 'keep' | 'revert' | undefined;
  convert: { crm: string | undefined; shop: string | undefined };
  values: readonly (readonly [string, string])[] | undefined;
  conflict: string | undefined;
  required: boolean | undefined;
  description: string | undefined;
}

const flows = (row: Row, side: 'crm' | 'shop'): boolean => row.direction === 'both' || row.direction === side;

function yaml(row: Row): string {
  const converts = (['crm', 'shop'] as const).flatMap((side) =>
    row.convert[side] !== undefined && flows(row, side) ? [`${side}: ${row.convert[side]}`] : [],
  );
  return [
    `  - crm: ${row.crm}`,
    `shop: ${row.shop}`,
    `type: ${row.type}`,
    ...(row.scale !== undefined && row.type === 'decimal' ? [`scale: ${row.scale}`] : []),
    `direction: ${row.direction}`,
    ...(row.drift && row.direction !== 'both' ? [`drift: ${row.drift}`] : []),
    ...(converts.length > 0 ? [`convert: { ${converts.join(', ')} }`] : []),
    ...(row.values ? [`values: { ${row.values.map(([a, b]) => `${a}: ${b}`).join(', ')} }`] : []),
    ...(row.conflict ? [`conflict: ${row.conflict}`] : []),
    ...(row.required === undefined ? [] : [`required: ${row.required}`]),
    ...(row.description ? [`description: ${row.description} # a note`] : []),
  ].join('\n    ');
}

/** What decides which values agree, and no more. */
const matter = (row: Row) => ({
  crm: row.crm,
  shop: row.shop,
  type: row.type,
  scale: row.type === 'decimal' ? row.scale : undefined,
  direction: row.direction,
  drift: row.direction === 'both' ? undefined : (row.drift ?? 'keep'),
  convert: (['crm', 'shop'] as const).map((side) => (flows(row, side) ? row.convert[side] : undefined)),
  values: row.values && Object.fromEntries([...row.values].sort()),
});

const rows: fc.Arbitrary<Row> = fc.record({
  crm: fc.constantFrom('free.a', 'free.b'),
  shop: fc.constantFrom('phone', 'street'),
  type: fc.constantFrom('string', 'decimal'),
  scale: fc.constantFrom(undefined, 0, 2),
  direction: fc.constantFrom('both', 'crm', 'shop'),
  drift: fc.constantFrom(undefined, 'keep', 'revert'),
  convert: fc.record({
    crm: fc.constantFrom(undefined, '$trim($)', '$uppercase($)'),
    shop: fc.constantFrom(undefined, '$trim($)'),
  }),
  values: fc.constantFrom(
    undefined,
    [
      ['x', 'one'],
      ['y', 'two'],
    ] as const,
    [
      ['y', 'two'],
      ['x', 'one'],
    ] as const,
    [
      ['x', 'one'],
      ['y', 'three'],
    ] as const,
  ),
  conflict: fc.constantFrom(undefined, 'latest', 'crm', 'review'),
  required: fc.constantFrom(undefined, true, false),
  description: fc.constantFrom(undefined, 'words'),
});

function compiled(text: string): Property {
  const { config, problems } = load(edited(FILE, [STREET, text]));
  expect(problems).toEqual([]);
  return config.mappings.get('people-customers')!.properties[2]!;
}

describe('the definition of a property', () => {
  it('differs exactly when a key that decides the agreement differs', () => {
    fc.assert(
      fc.property(rows, fc.option(rows, { nil: undefined }), fc.constantFrom(...KEYS), (row, other, key) => {
        // Mostly one key differs; two rows that differ in all would tell little.
        const second = other ? { ...row, [key]: other[key] } : row;
        const same = JSON.stringify(matter(row)) === JSON.stringify(matter(second));
        expect(compiled(yaml(row)).definition === compiled(yaml(second)).definition).toBe(same);
      }),
      { numRuns: 120 },
    );
  });

  it('changes with a lookup, a reference and its `fallback`, and with how the system is read', () => {
    const plain = load().config.mappings.get('people-customers')!.properties[2] as Property satisfies Property;
    const entities = load()
      .config.mappings.get('people-customers')!
      .sides.map((side) => side.entity) as unknown as [EntityConfig, EntityConfig];
    const expression = (source: string) => ({ source, evaluate: async () => undefined });
    const reference = (mapping: string, sides: [0 | 1, 0 | 1], fallback?: string): Partial<Property> => ({
      reference: {
        mapping,
        sides,
        fallback: [undefined, fallback === undefined ? undefined : expression(fallback)],
      },
    });
    const lookup = (entity: string, field: string): Partial<Property> => ({
      sides: [{ ...plain.sides[0], lookup: { entity, field } }, plain.sides[1]],
    });
    const kinds = [
      {},
      lookup('stages', 'name'),
      lookup('stages', 'code'),
      lookup('levels', 'name'),
      reference('m', [0, 1]),
      reference('n', [0, 1]),
      reference('m', [1, 0]),
      reference('m', [0, 1], '$'),
    ].map((more) => definitionOf({ ...plain, ...more }, entities));
    const others = [{ normalize: expression('$') }, { name: 'other' }, { system: 'other' }].map((more) =>
      definitionOf(plain, [{ ...entities[0], ...more }, entities[1]]),
    );
    expect(new Set([...kinds, ...others]).size).toBe(kinds.length + others.length);
  });

  it('does not change with other rows, other keys of the file or the rest of the system files', () => {
    const before = load().config.mappings.get('people-customers')!.properties[2]!.definition;
    const after = load({
      ...edited(
        FILE,
        ['description: Every person is a customer.', 'description: another'],
        ['create: [shop]', 'create: []\nconflict: shop\ndeletes: review\nwhen: { crm: "true" }'],
        ['  - crm: mail\n    shop: email\n', ''],
      ),
      ...edited('systems/crm.yaml', ['https://crm.example/api/', 'https://other.example/']),
    });
    expect(after.problems).toEqual([]);
    expect(after.config.mappings.get('people-customers')!.properties[1]!.definition).toBe(before);
  });
});

const KEYS = [
  'crm',
  'shop',
  'type',
  'scale',
  'direction',
  'drift',
  'convert',
  'values',
  'conflict',
  'required',
  'description',
] as const satisfies readonly (keyof Row)[];

describe('what another definition leaves of an agreement', () => {
  const both = '    direction: both\n';
  const definition = (more: string): string => compiled(`${STREET}${more}`).definition;
  const plain = definition('');
  const compare = (former: string, present: string) => redefined(definition(former), definition(present));

  it.each<[what: string, former: string, present: string, expected: ReturnType<typeof redefined>]>([
    ['nothing changed', '', both, undefined],
    ['a conversion toward one side', '', '    convert: { shop: $trim($) }\n', { readable: [true, true], again: 1 }],
    ['a conversion toward the other', '    convert: { crm: $trim($) }\n', '', { readable: [true, true], again: 0 }],
    [
      'both conversions',
      '',
      '    convert: { shop: $trim($), crm: $trim($) }\n',
      { readable: [true, true], again: undefined },
    ],
    ['a value table', '', '    values: { a: b }\n', { readable: [true, true], again: undefined }],
    ['the type', '', '    type: list\n', { readable: [false, false], again: undefined }],
    ['two-way to one-way', '', '    direction: shop\n', undefined],
    ['two-way to one-way that is put back', '', '    direction: shop\n    drift: revert\n', undefined],
    ['one-way to two-way', '    direction: shop\n', both, { readable: [true, false], again: undefined }],
    ['turned round', '    direction: shop\n', '    direction: crm\n', { readable: [true, false], again: undefined }],
    [
      'edits of the follower are put back now',
      '    direction: shop\n',
      '    direction: shop\n    drift: revert\n',
      { readable: [true, false], again: undefined },
    ],
    [
      'edits of the follower are kept now',
      '    direction: shop\n    drift: revert\n',
      '    direction: shop\n',
      undefined,
    ],
    [
      'one-way, another conversion',
      '    direction: shop\n',
      '    direction: shop\n    convert: { shop: $trim($) }\n',
      { readable: [true, false], again: undefined },
    ],
  ])('%s', (_, former, present, expected) => {
    expect(compare(former, present)).toEqual(expected);
  });

  it('is readable only on the side whose path is still the same', () => {
    const moved = compiled('  - crm: address.street\n    shop: phone\n').definition;
    expect(redefined(plain, moved)).toEqual({ readable: [true, false], again: undefined });
  });
});

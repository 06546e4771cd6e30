/** The round-trip check: every kind of loss is found, with an example; what loses nothing is never accused. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Mapping } from '../../../engine/config/types.ts';
import { checkRoundTrips, type Finding, type RoundTripOptions } from '../../../engine/sync/round-trips.ts';
import type { JsonObject, SystemRecord } from '../../../engine/types.ts';
import { files, load, MAPPING, reported } from '../config/fixture.ts';
import { loadReal } from '../config/real.ts';

const FILE = 'mappings/people-customers.yaml';

/** The small configuration with other rows, and with `examples` of the stages. */
function mappingOf(
  rows: string,
  options: { when?: string; create?: string; stages?: readonly JsonObject[] } = {},
): Mapping {
  const head = MAPPING.slice(0, MAPPING.indexOf('create:'));
  const schema = 'schemas/crm/stages.schema.json';
  const stages = { ...JSON.parse(files().get(schema)!), ...(options.stages ? { examples: options.stages } : {}) };
  const result = load({
    [FILE]: `${head}create: [${options.create ?? ''}]\n${options.when ?? ''}properties:\n${rows}`,
    [schema]: JSON.stringify(stages),
  });
  expect(reported(result)).toEqual([]);
  return result.config.mappings.get('people-customers')!;
}

const recordOf = (data: JsonObject, i = 0): SystemRecord => ({
  id: String(i + 1),
  modified: undefined,
  version: undefined,
  data: { id: String(i + 1), ...data },
});

interface Given {
  readonly crm?: readonly JsonObject[];
  readonly shop?: readonly JsonObject[];
  readonly when?: string;
  readonly create?: string;
  readonly stages?: readonly JsonObject[];
  readonly options?: RoundTripOptions;
}

const check = (rows: string, { crm = [], shop = [], options, ...given }: Given = {}) =>
  checkRoundTrips(mappingOf(rows, given), { records: [crm.map(recordOf), shop.map(recordOf)], ...options });

/** A finding as `kind property from: value > there > back`. */
const brief = ({ kind, property, from, example: { value, there, back } }: Finding): string =>
  `${kind} ${property} ${from}: ${[value, there, back].map((one) => JSON.stringify(one) ?? 'nothing').join(' > ')}`;
const found = async (rows: string, given?: Given): Promise<string[]> => (await check(rows, given)).findings.map(brief);

describe('there and back', () => {
  it('the check finds what a conversion without a way back changes, and counts records and other values apart', async () => {
    const rows = '  - crm: name\n    shop: name\n    convert:\n      shop: $uppercase($)\n';
    const { findings } = await check(rows, { crm: [{ name: 'ANN' }, { name: 'Bob' }, { name: 'Christine' }] });
    expect(findings.map(brief)).toEqual([
      'lossy name crm: "Bob" > "BOB" > "BOB"',
      expect.stringMatching(/^lossy name shop: ".*[a-z].*" > ".*[a-z].*" > "[^a-z]*"$/),
    ]);
    expect(findings[0]).toMatchObject({
      mapping: 'people-customers',
      file: FILE,
      line: expect.any(Number),
      column: 5,
      to: 'shop',
      roundTrip: 'there-and-back',
      intended: false,
      records: { found: 2, of: 3 },
      example: { origin: 'record' },
      message: 'Once it is edited in shop, crm gets what came back.',
      remedy: expect.stringMatching(/"convert" toward crm.*"direction: shop".*"lossy: true"/),
    });
    expect(findings[0]!.values.found).toBeGreaterThan(0);
    expect(findings[1]).toMatchObject({ from: 'shop', records: { found: 0, of: 0 }, example: { origin: 'made-up' } });
  });

  it('the check reports no property that only copies, whatever its type', async () => {
    const rows = [
      '  - { crm: name, shop: name }',
      '  - { crm: mail, shop: email }',
      '  - { crm: address.street, shop: street }',
      '  - { crm: level, shop: parent_id, type: integer }',
      '  - { crm: "phones[kind=\'work\'].number", shop: phone }',
      '',
    ].join('\n');
    const person = { name: 'Ann', mail: 'a@b.test', level: 3, phones: [{ kind: 'home', number: '1' }] };
    expect(await check(rows, { crm: [person, {}] })).toEqual({ findings: [], notChecked: [] });
  });

  it('the check reports no two conversions that undo each other', async () => {
    const rows =
      '  - crm: level\n    shop: parent_id\n    type: integer\n    convert: { shop: $ * 3 + 7, crm: ($ - 7) / 3 }\n';
    expect(await found(rows, { crm: [{ level: -4 }, { level: 120 }] })).toEqual([]);
  });

  it('the check finds values that get lost entirely', async () => {
    const rows = '  - crm: name\n    shop: phone\n    convert: { shop: \'$replace($, /[^0-9]/, "")\' }\n';
    const [first] = await found(rows, { crm: [{ name: 'ask' }] });
    expect(first).toBe('lossy name crm: "ask" > nothing > nothing');
  });

  it('the check finds what the form of a place would change, without any conversion', async () => {
    const rows = '  - { crm: ref, shop: parent_id }\n';
    const [first, ...more] = (await check(rows, { crm: [{ ref: '007' }, { ref: '12' }] })).findings;
    expect(brief(first!)).toBe('refused ref crm: "007" > nothing > nothing');
    expect(first!.records).toEqual({ found: 1, of: 2 });
    expect(first!.message).toMatch(/leading zeros/);
    expect(more).toEqual([]);
  });

  it('the check treats values as the same that are equal under the declared type', async () => {
    const rows = '  - { crm: ref, shop: street, type: decimal, scale: 2 }\n';
    expect(await found(rows, { crm: [{ ref: '1.005' }, { ref: '10' }, { ref: '10.00' }] })).toEqual([]);
  });

  it('the check gives conversions the old record on the way there and the new record on the way back', async () => {
    const rows = [
      '  - { crm: ref, shop: street }',
      '  - crm: name',
      '    shop: name',
      '    convert: { shop: $ & "/" & $record.ref, crm: \'$substringBefore($, "/" & $record.street)\' }',
      '',
    ].join('\n');
    const crm = [{ name: 'Ann', ref: 'r1' }];
    expect((await check(rows, { crm })).findings.filter(({ from }) => from === 'crm')).toEqual([]);
  });

  it('the check does not look at one-way properties, nor at records out of scope', async () => {
    const upper = '  - crm: name\n    shop: name\n    convert: { shop: $uppercase($) }\n';
    expect(await found(`${upper}    direction: shop\n`, { crm: [{ name: 'Ann' }] })).toEqual([]);
    const { findings } = await check(upper, { crm: [{ name: 'Ann' }], when: 'when: { crm: name != "Ann" }\n' });
    expect(findings[0]).toMatchObject({ records: { found: 0, of: 0 } });
  });

  it('the check marks a loss that the mapping file declares as intended', async () => {
    const rows = '  - crm: name\n    shop: name\n    convert: { shop: $uppercase($) }\n    lossy: true\n';
    const { findings } = await check(rows);
    expect(findings.map(({ kind, intended }) => ({ kind, intended }))).toEqual([
      { kind: 'lossy', intended: true },
      { kind: 'lossy', intended: true },
    ]);
  });

  it('the check finds lookups that lead to two records', async () => {
    const rows = [
      '  - crm: stage_id',
      '    shop: status',
      '    lookup: { crm: stages.name }',
      '    values: { Lead: new, Won: gold, Lost: gone }',
      '',
    ].join('\n');
    const stages = [
      { id: '1', name: 'Lead' },
      { id: '2', name: 'Won' },
      { id: '3', name: 'Lost' },
    ];
    const crm = [{ stage_id: '1' }, { stage_id: '4' }];
    expect(await found(rows, { crm: crm.slice(0, 1), stages })).toEqual([]);
    const twice = await check(rows, { crm, stages: [...stages, { id: '4', name: 'Won' }] });
    expect(twice.findings.map(brief)).toEqual(['lossy stage_id crm: "4" > "gold" > "2"']);
    expect(twice.findings[0]!.remedy).toMatch(/^Give each record of stages a name of its own/);
  });
});

describe('writing back', () => {
  it('the check finds a selection that reads several places and writes one', async () => {
    const rows = '  - { crm: "phones[kind=\'work\'].number", shop: phone }\n';
    const phones = [
      { kind: 'work', number: '1' },
      { kind: 'work', number: '2' },
    ];
    const { findings } = await check(rows, { crm: [{ phones }, { phones: phones.slice(1) }] });
    expect(findings).toMatchObject([
      {
        kind: 'lossy',
        roundTrip: 'write-back',
        from: 'crm',
        records: { found: 1, of: 2 },
        example: { value: ['1', '2'] },
      },
    ]);
  });

  it('the check looks at the side that a one-way property writes', async () => {
    const rows = '  - { crm: phones.number, shop: phone, direction: crm }\n';
    const phones = [{ number: '1' }, { number: '2' }];
    const { findings } = await check(rows, { crm: [{ phones }] });
    expect(findings).toMatchObject([{ kind: 'refused', code: 'VALUE_TYPE' }]);
    expect(await found(rows.replace('direction: crm', 'direction: shop'), { crm: [{ phones }] })).toEqual([]);
  });
});

describe('values that cannot be converted', () => {
  const status = '  - crm: ref\n    shop: status\n    values: { a: new, b: gold }\n';

  it('are reported for records and for what a schema allows, with the error', async () => {
    const { findings } = await check(status, { crm: [{ ref: 'a' }, { ref: 'c' }] });
    expect(findings.map(brief)).toEqual([
      'refused ref crm: "c" > nothing > nothing',
      'refused ref shop: "gone" > nothing > nothing',
    ]);
    expect(findings[0]).toMatchObject({
      code: 'VALUE_NOT_IN_TABLE',
      intended: false,
      records: { found: 1, of: 2 },
      message: expect.stringMatching(/no entry in the value table of .*:\d+\./),
      remedy: expect.stringMatching(/Add the value to the table.*tandem explain/),
    });
    expect(findings[1]).toMatchObject({ example: { origin: 'schema' }, values: { found: 1, of: 3 } });
  });

  it('are reported where the other schema would not take them, at their own place only', async () => {
    const rows = '  - { crm: address.street, shop: name }\n  - { crm: name, shop: street }\n';
    const { findings } = await check(rows, { shop: [{ name: 'n', street: 's'.repeat(21) }] });
    expect(findings).toMatchObject([
      { property: 'name', from: 'shop', code: 'RECORD_SCHEMA', records: { found: 1, of: 1 } },
    ]);
    expect(findings[0]!.message).toMatch(/^crm would not take it: May have at most 20 characters\./);
  });

  it('are not blamed on a property whose neighbour is at fault', async () => {
    const { config } = await loadReal();
    const billing = { address_1: 'x'.repeat(76), city: 'Lyon', postcode: '69002' };
    const records: [SystemRecord[], SystemRecord[]] = [[], [recordOf({ company: 'Acme', billing })]];
    const { findings } = await checkRoundTrips(config.mappings.get('company-customer')!, { records });
    expect(findings.filter(({ kind }) => kind === 'refused').map(({ property }) => property)).toEqual([
      'address.line1',
    ]);
  });

  it('are reported for a place that a new record cannot have, where records are created', async () => {
    const rows = '  - { crm: name, shop: name }\n  - { crm: "phones[1].number", shop: phone }\n';
    const shop = [{ name: 'Ann', phone: '1' }];
    expect(await found(rows, { shop })).toEqual([]);
    const { findings } = await check(rows, { shop, create: 'crm' });
    expect(findings).toMatchObject([
      { kind: 'refused', property: 'phones[1].number', from: 'shop', code: 'VALUE_TYPE', records: { found: 1, of: 1 } },
    ]);
  });

  it('are not reported for made-up values that cannot go there', async () => {
    expect(await found('  - { crm: address.street, shop: country }\n')).toEqual([]);
  });

  it('are reported where a value goes there and cannot come back', async () => {
    const rows = '  - crm: name\n    shop: name\n    convert: { crm: $error("no") }\n';
    const [first] = (await check(rows, { crm: [{ name: 'Ann' }] })).findings;
    expect(first).toMatchObject({
      kind: 'refused',
      code: 'EXPRESSION_FAILED',
      example: { value: 'Ann', there: 'Ann' },
    });
    expect(first!.message).toMatch(/^What it becomes in shop cannot come back/);
  });
});

describe('what is not checked', () => {
  const notChecked = async (rows: string, given?: Given) => {
    const { findings, notChecked: left } = await check(rows, given);
    expect(findings).toEqual([]);
    return left.map(({ property, reason }) => `${property}: ${reason}`);
  };

  it.each([
    ['a reference', '  - { crm: boss_id, shop: parent_id, reference: people-customers }\n', 'boss_id'],
    [
      '$link',
      '  - crm: boss_id\n    shop: street\n    convert: { shop: \'$link("people-customers", $)\' }\n',
      'boss_id',
    ],
    ['a lookup without examples', '  - { crm: stage_id, shop: street, lookup: { crm: stages.name } }\n', 'stage_id'],
  ])('is %s without the systems', async (_, rows, property) => {
    const [left, ...more] = await notChecked(rows, { crm: [{ [property]: '7' }] });
    expect(left).toMatch(new RegExp(`^${property}: only the systems and the links can tell`));
    expect(more).toEqual([]);
  });

  it('is a property without any value', async () => {
    expect(await notChecked('  - { crm: boss_id, shop: parent_id, reference: people-customers }\n')).toEqual([
      'boss_id: there are no values to try it on',
    ]);
  });

  it('is all that the time does not suffice for', async () => {
    const rows = '  - crm: name\n    shop: name\n    convert: { shop: $uppercase($) }\n';
    expect(await notChecked(rows, { options: { within: 0 } })).toEqual(['name: the time for trying is up']);
  });
});

describe('generated conversions', () => {
  const name = fc.string({ minLength: 1, maxLength: 8, unit: fc.constantFrom(...'abcXYZ019 -_/äß漢') });
  /** Pairs of expressions on texts that undo each other. */
  const oneToOne = fc.oneof(
    name.map((text) => [`"${text}" & $`, `$substring($, ${[...text].length})`]),
    name.map((text) => [`$ & "${text}"`, `$substring($, 0, $length($) - ${[...text].length})`]),
    fc.constant(['$join($reverse($split($, "")))', '$join($reverse($split($, "")))']),
    fc.constant(['$base64encode($encodeUrlComponent($))', '$decodeUrlComponent($base64decode($))']),
  );
  const yaml = JSON.stringify;

  it('are never reported where they are one-to-one', async () => {
    await fc.assert(
      fc.asyncProperty(oneToOne, fc.array(name, { maxLength: 5 }), async ([there, back], values) => {
        const rows = `  - crm: ref\n    shop: street\n    convert: { shop: ${yaml(there)}, crm: ${yaml(back)} }\n`;
        const { findings } = await check(rows, { crm: values.map((ref) => ({ ref })) });
        expect(findings.filter(({ from }) => from === 'crm').map(brief)).toEqual([]);
      }),
      { numRuns: 25 },
    );
  });

  it('are never reported for a one-to-one table, but for every value that the table lacks', async () => {
    const table = fc.uniqueArray(fc.tuple(fc.uuid(), fc.uuid()), { minLength: 1, maxLength: 6, selector: ([a]) => a });
    await fc.assert(
      fc.asyncProperty(table, fc.uuid(), async (entries, other) => {
        const rows = `  - crm: ref\n    shop: street\n    values: ${yaml(Object.fromEntries(entries))}\n`;
        expect(await found(rows, { crm: entries.map(([ref]) => ({ ref })) })).toEqual([]);
        expect(await found(rows, { crm: [{ ref: other }] })).toEqual([
          `refused ref crm: ${JSON.stringify(other)} > nothing > nothing`,
        ]);
      }),
      { numRuns: 25 },
    );
  });

  it('are always reported where they are constant', async () => {
    await fc.assert(
      fc.asyncProperty(name, fc.boolean(), async (constant, toShop) => {
        const rows = `  - crm: ref\n    shop: street\n    convert: { ${toShop ? 'shop' : 'crm'}: ${yaml(yaml(constant))} }\n`;
        const { findings } = await check(rows);
        expect(findings.map(({ kind, from }) => `${kind} ${from}`).sort()).toEqual(['lossy crm', 'lossy shop']);
      }),
      { numRuns: 25 },
    );
  });
});

describe('the mappings of this repository', () => {
  it('lose what docs/mappings.md says, on purpose, and nothing else', async () => {
    const { config } = await loadReal();
    const reports = await Promise.all([...config.mappings.values()].map((mapping) => checkRoundTrips(mapping)));
    const findings = reports.flatMap((report) => report.findings);
    expect(
      findings.map(({ mapping, property, kind, from, intended }) => ({ mapping, property, kind, from, intended })),
    ).toEqual([
      { mapping: 'company-customer', property: 'phone_number.number', kind: 'lossy', from: 'keap', intended: true },
    ]);
    expect(findings[0]!.records.found).toBeGreaterThan(2);
    // The other one shows only where there are links: tests/integration/cli/validate-live.test.ts.
    expect(
      reports.flatMap(({ notChecked: left }) => left.map(({ mapping, property }) => `${mapping} ${property}`)),
    ).toEqual(['opportunity-order contact_id']);
    const declared = [...config.mappings.values()].flatMap(({ name: mapping, properties }) =>
      properties.filter(({ lossy }) => lossy).map((property) => `${mapping} ${property.name}`),
    );
    expect(declared).toEqual(['company-customer phone_number.number', 'opportunity-order contact_id']);
  });
});

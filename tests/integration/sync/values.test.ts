/** The comparison of values that the demo prints: it finds each wrong conversion, also one that agrees with itself. */
import { load } from 'js-yaml';
import { beforeAll, describe, expect, it } from 'vitest';
import { values } from '../../../sandbox/demo/exercise.ts';
import { type Comparison, comparisonLines } from '../../../sandbox/oracle/compare.ts';
import { decimal, majorUnits, RULES } from '../../../sandbox/oracle/rules.ts';
import { type MappingName, makeSeed } from '../../../sandbox/seed/index.ts';
import { compareWorld, demoApis } from '../../support/values.ts';
import type { Change } from '../../support/world.ts';
import { worldWith } from './support.ts';

interface Row {
  keap: string;
  customwebshop: string;
  type: string;
  convert?: Record<string, string>;
  values?: unknown;
  reference?: string;
  fallback?: Record<string, string>;
}

/** A company that has a customer of its own. */
const LINKED_COMPANY = makeSeed(42, 'small').expected.conflicts.find(
  ({ mapping }) => mapping === 'company-customer',
)?.keapId;

const WRONG: Readonly<Record<string, string>> = {
  string: '"x" & $',
  boolean: '$not($)',
  decimal: '$ * 10',
  datetime: '$fromMillis($toMillis($) + 3600000)',
};

/** A row that carries something else than it should, in a way that both systems take. */
function spoil(row: Row): Row {
  if (row.keap === 'price') return { ...row, convert: { keap: '$round($)', customwebshop: '$' } };
  if (row.keap === 'contact_id')
    return { ...row, fallback: { customwebshop: `$link("company-customer", "${LINKED_COMPANY}")` } };
  if (row.keap === 'stage_id')
    return {
      ...row,
      values: { 'New Opportunity': 'processing', Qualifying: 'pending', Won: 'cancelled', Lost: 'completed' },
    };
  if (row.keap === 'address.country_code') return { ...row, values: { USA: 'CA', CAN: 'US', DEU: 'FR', FRA: 'DE' } };
  if (row.keap === 'phone_number.number')
    return { ...row, convert: { ...row.convert, customwebshop: '$replace($, /[^0-9]/, "")' } };
  const wrong = WRONG[row.type] ?? '';
  return { ...row, convert: { keap: wrong, customwebshop: wrong } };
}

/** JSON is YAML. */
const spoilRows: Change = (text) => {
  const mapping = load(text) as { properties: Row[] };
  return JSON.stringify({ ...mapping, properties: mapping.properties.map(spoil) });
};

describe('with a wrong conversion in every row of every mapping', () => {
  const world = worldWith({
    size: 'small',
    files: Object.fromEntries(Object.keys(RULES).map((name) => [`mappings/${name}.yaml`, spoilRows])),
  });
  let found: readonly Comparison[];
  beforeAll(async () => {
    found = await compareWorld(world);
  });

  it.each(Object.keys(RULES) as MappingName[])('every property of %s is reported as different', (mapping) => {
    const comparison = found.find((one) => one.mapping === mapping);
    expect(comparison?.pairs).toBeGreaterThan(0);
    const different = new Set(comparison?.differences.map(({ property }) => property));
    expect(RULES[mapping].map(({ property }) => property).filter((property) => !different.has(property))).toEqual([]);
  });

  it('the demo reports it and fails', async () => {
    await expect(values({ apis: await demoApis(world), seed: 42 }, 'small')).rejects.toThrow(
      /^\d+ values differ:\n {2}company-customer: \d+ pairs, \d+ properties compared, differences: [1-9]/,
    );
  });

  it('a record that is missing on one side is reported as different', async () => {
    const [pair] = found.find(({ mapping }) => mapping === 'product-product')?.differences.map((one) => one.pair) ?? [];
    await world.shopApi('DELETE', `/products/${pair!.shop}`);
    const again = (await compareWorld(world)).find(({ mapping }) => mapping === 'product-product');
    expect(again?.differences).toContainEqual({
      mapping: 'product-product',
      pair,
      property: '',
      keap: 'there',
      shop: 'missing',
    });
  });
});

it('amounts in the smallest unit become amounts in major units by the digits of their currency', () => {
  const amounts = [
    [1250, 'USD', '12.5'],
    [29, 'USD', '0.29'],
    [-5, 'EUR', '-0.05'],
    [0, 'USD', '0'],
    [1250, 'JPY', '1250'],
    [1250, 'KWD', '1.25'],
    ['9007199254740993', 'USD', '90071992547409.93'],
    [12.5, 'USD', 'no whole number of the smallest unit: 12.5'],
    [1250, 'XXX', '1250 of the currency XXX'],
    [1250, undefined, '1250 of the currency undefined'],
  ] as const;
  for (const [amount, currency, wanted] of amounts) expect(majorUnits(amount, currency)).toBe(wanted);
});

it('decimals are compared by their value, not by their zeros', () => {
  expect(['12.50', '12.5', 12.5, '0012.500'].map(decimal)).toEqual(['12.5', '12.5', '12.5', '12.5']);
  expect([null, undefined, ''].map(decimal)).toEqual([undefined, undefined, undefined]);
  expect(['0.00', '-0', 0].map(decimal)).toEqual(['0', '0', '0']);
});

it('the lines for people count pairs, properties and differences, and show the first differences', () => {
  const pair = { keap: '1', shop: '2' };
  const difference = { mapping: 'product-product', pair, property: 'name', keap: 'a', shop: undefined } as const;
  const lines = comparisonLines([
    { mapping: 'product-product', pairs: 2, properties: 20, differences: Array(12).fill(difference) },
    { mapping: 'company-customer', pairs: 1, properties: 11, differences: [] },
  ]);
  expect(lines).toEqual([
    '  product-product: 2 pairs, 20 properties compared, differences: 12',
    '  company-customer: 1 pairs, 11 properties compared, differences: 0',
    '  together: 3 pairs, 31 properties compared, differences: 12',
    ...Array(10).fill('    product-product, Keap 1 and shop 2, name: "a" in Keap, nothing in the shop'),
    '    and 2 more',
  ]);
});

/** A description that the rules contradict is found, with its sentence and its place; a true one, or one of another subject, is not. */
import { describe, expect, it } from 'vitest';
import { checkDescription } from '../../../engine/check/description.ts';
import type { CreateRule } from '../../../engine/config/create-rule.ts';
import type { DeleteRule, Direction, Mapping } from '../../../engine/config/types.ts';
import { edited, load } from '../config/fixture.ts';
import { loadReal } from '../config/real.ts';

const FILE = 'mappings/people-customers.yaml';
const PLAIN = 'description: Every person is a customer.';

/** @param rules lines of the mapping file; the sides are crm (people) and shop (customers), and it creates in the shop */
function found(description: string, rules = ''): string[] {
  const { config, problems } = load(edited(FILE, [PLAIN, `description: ${JSON.stringify(description)}\n${rules}`]));
  expect(problems).toEqual([]);
  return checkDescription(config.mappings.get('people-customers')!).map(({ message }) => message);
}

const WHEN = 'when: { crm: name != "" }';
const ONE_WAY = (text: string): string[] => {
  const changed = edited(
    FILE,
    [PLAIN, `description: ${text}`],
    ['  - crm: name\n    shop: name\n    required: true\n', '  - crm: name\n    shop: name\n    direction: shop\n'],
    ['    shop: email\n', '    shop: email\n    direction: shop\n'],
    ['    shop: street\n', '    shop: street\n    direction: shop\n'],
  );
  const { config, problems } = load(changed);
  expect(problems).toEqual([]);
  return checkDescription(config.mappings.get('people-customers')!).map(({ message }) => message);
};

describe('a description', () => {
  it.each([
    ['Every people record and each people of the CRM is kept.', WHEN],
    ['All people are synchronized.', WHEN],
    ['We sync each crm people.', WHEN],
  ])('is contradicted by "when" where it speaks of all: %s', (text, rules) => {
    expect(found(text, rules)).toEqual(['"when" leaves records of crm out: name != ""']);
  });

  it.each([
    ['Every people with a name is synchronized.', WHEN],
    ['All people are synchronized, except those without a name.', WHEN],
    ['All active people are synchronized.', WHEN],
    ['Every customer is synchronized.', WHEN],
    ['All people are synchronized.', ''],
    ['People are synchronized every day.', WHEN],
  ])('agrees where it chooses, or speaks of the other side: %s', (text, rules) => {
    expect(found(text, rules)).toEqual([]);
  });

  it.each([
    ['Only people with a name take part.', '', ['without "when", every record of crm takes part.']],
    ['Only people with a name take part.', WHEN, []],
    ['Values flow one way.', '', ['every property flows both ways.']],
    ['Missing customers are created in the CRM.', '', ['"create" does not name crm.']],
    ['Missing customers are created in the shop.', '', []],
    ['Nothing is ever created in the shop.', '', ['"create" names shop.']],
    ['Nothing is created in the CRM.', '', []],
    ['A deleted person is deleted on the other side too.', '', ['"deletes" propagates to neither side.']],
    ['Customers are never deleted.', 'deletes: { shop: propagate }', ['"deletes: propagate" deletes records of shop.']],
    ['Customers are never deleted.', '', []],
    ['The CRM wins.', 'conflict: shop', ['"conflict" is shop.']],
    ['The CRM wins.', 'conflict: crm', []],
    ['The newer value wins.', 'conflict: review', ['"conflict" is review.']],
    ['The shop never wins.', 'conflict: crm', []],
  ])('%s (%s)', (text, rules, messages) => {
    expect(found(text, rules)).toEqual(messages);
  });

  it('agrees, however it says that nothing is created, where it says so of some records or of a time', () => {
    for (const text of [
      'A person without a customer is created in the shop.',
      'No person without a name is created in the shop.',
      'Nothing is created in the shop before all records were read.',
      "Customers aren't created in the CRM.",
      'Customers cannot be created in the CRM.',
    ])
      expect(found(text), text).toEqual([]);
    expect(found("People aren't created in the shop.")).toEqual(['"create" names shop.']);
  });

  it('is contradicted where it says two-way of values that flow one way', () => {
    expect(ONE_WAY('It is two-way.')).toEqual(['every property flows one way.']);
    expect(ONE_WAY('It is one-way.')).toEqual([]);
  });

  it('is reported with its sentence and its place where it contradicts a rule', () => {
    const text =
      'description: >-\n  First of all, hello. Every people\n  is synchronized. Bye.\nwhen: { crm: name != "" }';
    const { config } = load(edited(FILE, [PLAIN, text]));
    expect(checkDescription(config.mappings.get('people-customers')!)).toEqual([
      {
        kind: 'description',
        mapping: 'people-customers',
        file: FILE,
        line: 3,
        column: 3,
        quote: 'Every people is synchronized.',
        message: '"when" leaves records of crm out: name != ""',
        remedy: 'Correct the description, or the rule.',
      },
    ]);
  });

  it('agrees with the rules in each mapping of this repository, while a former description did not', async () => {
    const { config } = await loadReal();
    for (const mapping of config.mappings.values()) expect(checkDescription(mapping)).toEqual([]);
    const company = config.mappings.get('company-customer')!;
    const former = 'Every Keap company is synchronized with a web shop customer.';
    expect(checkDescription({ ...company, description: former })).toMatchObject([
      { quote: former, message: expect.stringContaining('"when" leaves records of keap out') },
    ]);
  });
});

describe('a description of companies and customers', async () => {
  const { config } = await loadReal();
  const company = config.mappings.get('company-customer')!;
  const product = config.mappings.get('product-product')!;
  const [keap, shop] = company.sides;
  const messages = (mapping: Mapping, description: string): string[] =>
    checkDescription({ ...mapping, description }).map(({ message }) => message);
  const flowing = (direction: Direction, rows = company.properties.length): Mapping => ({
    ...company,
    properties: company.properties.map((property, i) => (i < rows ? { ...property, direction } : property)),
  });
  const deleting = (inKeap: DeleteRule, inShop: DeleteRule, mapping = company): Mapping => ({
    ...mapping,
    sides: [
      { ...mapping.sides[0], deletes: inKeap },
      { ...mapping.sides[1], deletes: inShop },
    ],
  });
  const creating = (inShop: CreateRule | undefined): Mapping => ({
    ...product,
    sides: [
      { ...product.sides[0], create: undefined },
      { ...product.sides[1], create: inShop },
    ],
  });

  it.each([
    'Each company in Keap has a customer.',
    'Every company of our Keap is synchronized with the web shop.',
    "Each one of Keap's companies has a customer.",
    'All companies in Keap are synchronized.',
  ])('is contradicted by "when" where it names the system of all records: %s', (text) => {
    expect(messages(company, text)).toEqual([`"when" leaves records of keap out: ${keap.when!.source}`]);
    const all: Mapping = {
      ...company,
      sides: [
        { ...keap, when: undefined },
        { ...shop, when: undefined },
      ],
    };
    expect(messages(all, text)).toEqual([]);
  });

  it.each([
    'Each company in Keap with a name has a customer.',
    'Each company in Keap that has a name has a customer.',
    'Each company in Berlin has a customer.',
    'Each company from the Keap archive with a name has a customer.',
    'All companies in Keap are synchronized, except those without a name.',
  ])('agrees with "when" where it chooses, whether or not it names the system: %s', (text) => {
    expect(messages(company, text)).toEqual([]);
  });

  it.each([
    'Companies flow from Keap to the shop only.',
    'Companies flow only from Keap to the shop.',
    'Companies only flow from Keap to the web shop.',
    'All values are written from Keap to Customwebshop only.',
    'Data goes from Keap to the shop, never back.',
    'Every Keap company is synchronized from Keap to the shop only.',
    'Companies are copied only from Keap to the shop, once a day.',
  ])('is contradicted where values flow the other way too: %s', (text) => {
    const way = (mapping: Mapping): string[] => messages(mapping, text).filter((one) => one.includes('flow to'));
    expect(way(company)).toEqual(['11 of 11 properties flow to keap.']);
    expect(way(flowing(1, 10))).toEqual(['1 of 11 properties flow to keap.']);
    expect(way(flowing(0))).toEqual(['11 of 11 properties flow to keap.']);
    expect(way(flowing(1))).toEqual([]);
  });

  it.each([
    'The phone flows from Keap to the shop only.',
    'Company names flow from Keap to the shop only.',
    'The notes of a company flow from Keap to the shop only.',
    'Only companies with a name flow from Keap to the shop.',
    'Companies flow from Keap to the shop only once they have a name.',
    'Companies flow from Keap to the shop only, except for their notes.',
    'Companies flow from Keap to the shop and back.',
    'Companies flow from Keap to the shop.',
  ])('agrees where it speaks of a property, of some records, or of no other way: %s', (text) => {
    expect(messages(company, text)).toEqual([]);
  });

  it.each([
    'Deleting a company deletes the customer.',
    'Deleting a company in Keap also deletes its customer in the shop.',
    'The deletion of a company removes the customer.',
    'A deleted company deletes its customer.',
    'If a company is deleted, its customer is deleted.',
    'When a company is deleted in Keap, the customer is removed as well.',
    'Customers are deleted when their company is deleted.',
    'Customers are deleted with their company.',
  ])('is contradicted where a deletion does not propagate to that side: %s', (text) => {
    expect(messages(deleting('keep', 'keep'), text)).toEqual(['"deletes" of customwebshop is keep.']);
    expect(messages(deleting('propagate', 'keep'), text)).toEqual(['"deletes" of customwebshop is keep.']);
    expect(messages(deleting('keep', 'review'), text)).toEqual(['"deletes" of customwebshop is review.']);
    expect(messages(deleting('keep', 'propagate'), text)).toEqual([]);
  });

  it.each([
    'Deleting a company never deletes the customer.',
    "Deleting a company doesn't delete the customer.",
    'Deleting a company keeps the customer.',
    'If a company is deleted, its customer is kept.',
    'If a company is deleted, its customer stays.',
    "If a company is deleted in Keap, its customer isn't deleted.",
    'If a company is deleted, nothing is deleted in the shop.',
    'Customers are kept when their company is deleted.',
    'No customer is deleted when a company is deleted.',
    'Customers are never deleted.',
  ])('is contradicted where a deletion propagates to that side: %s', (text) => {
    expect(messages(deleting('keep', 'propagate'), text)).toEqual([
      '"deletes: propagate" deletes records of customwebshop.',
    ]);
    expect(messages(deleting('propagate', 'keep'), text)).toEqual([]);
    expect(messages(deleting('keep', 'keep'), text)).toEqual([]);
  });

  it.each([
    "Deleting the phone of a company deletes the customer's phone.",
    'Removing a company without orders removes the customer.',
    'If a company is deleted, its orders are deleted.',
    'If a company is deleted, a person decides.',
    'Customers are deleted with care.',
    'Old entries are removed from the log.',
  ])('agrees where it speaks of a deletion in a way that is not understood: %s', (text) => {
    for (const [inKeap, inShop] of [
      ['keep', 'keep'],
      ['keep', 'propagate'],
      ['propagate', 'propagate'],
    ] as const)
      expect(messages(deleting(inKeap, inShop), text)).toEqual([]);
  });

  it('goes by the systems where both sides call their records the same', () => {
    const text = 'Deleting a product in Keap deletes the product in the shop.';
    expect(messages(deleting('propagate', 'keep', product), text)).toEqual(['"deletes" of customwebshop is keep.']);
    expect(messages(deleting('keep', 'propagate', product), text)).toEqual([]);
    const open = 'Deleting a product deletes the product on the other side.';
    expect(messages(deleting('keep', 'keep', product), open)).toEqual(['"deletes" propagates to neither side.']);
    expect(messages(deleting('keep', 'propagate', product), open)).toEqual([]);
  });

  it.each([
    'Every product is created in the shop.',
    'All Keap products are created in the web shop.',
    'Each product without a counterpart is created in the shop.',
    'Every missing product is created in the shop.',
  ])('is contradicted where only what is referred to is created: %s', (text) => {
    const message = '"create" of customwebshop is on-demand: only what a record refers to is created.';
    expect(messages(creating('on-demand'), text)).toEqual([message]);
    expect(messages(creating('missing'), text)).toEqual([]);
    expect(messages(creating('always'), text)).toEqual([]);
  });

  it.each([
    'A product is created in the shop once an order needs it.',
    'Every product is created in the shop once an order needs it.',
    'Products are created in the shop on demand.',
    'Every product that an order refers to is created in the shop.',
    'No product is created in the shop until an order refers to it.',
    'A product is created in the shop only if it is needed.',
    'A product is never created in the shop before an order needs it.',
    'No product is created in Keap.',
  ])('agrees with creation on demand: %s', (text) => {
    expect(messages(creating('on-demand'), text)).toEqual([]);
  });

  it('is contradicted where it says which way values flow and there are none', () => {
    const linked: Mapping = { ...company, properties: [] };
    expect(messages(linked, 'Companies are synchronized one way.')).toEqual([
      'there are no properties, so no value flows.',
    ]);
    expect(messages(linked, 'It is two-way.')).toEqual(['there are no properties, so no value flows.']);
    expect(messages(linked, 'Companies are only linked, so that orders can refer to them.')).toEqual([]);
  });
});

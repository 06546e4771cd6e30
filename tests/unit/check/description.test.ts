/** A description that the rules contradict is found, with its sentence and its place; a true one, or one of another subject, is not. */
import { describe, expect, it } from 'vitest';
import { checkDescription } from '../../../engine/check/description.ts';
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

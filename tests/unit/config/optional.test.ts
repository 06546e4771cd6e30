/** Properties that a system answers only when they are asked for: a file that uses one without asking is refused. */
import { expect, it } from 'vitest';
import { readBy } from '../../../engine/config/optional.ts';
import type { EntityConfig } from '../../../engine/config/types.ts';
import { edited, load, MAPPING, reported } from './fixture.ts';

const FILE = 'systems/crm.yaml';
const ROW = 'mappings/people-customers.yaml';

/** `fields` of every operation whose answer is a record; `phones` and `changed` must be asked for. */
const asking = (fields: Record<string, string> = {}, optional = '[phones, address, changed]') => {
  const query = (name: string) => `query: { fields: "${fields[name] ?? 'phones,address, changed'}" }`;
  return edited(
    FILE,
    ['    modified: changed', `    modified: changed\n    optional: { param: fields, names: ${optional} }`],
    ['list: { path: /people,', `list: { path: /people, ${query('list')},`],
    ['read: { path: "/people/{id}" }', `read: { path: "/people/{id}", ${query('read')} }`],
    ['find: { path: /people,', `find: { path: /people, ${query('find')},`],
    ['create: { path: /people }', `create: { path: /people, ${query('create')} }`],
    ['update: { path: "/people/{id}" }', `update: { path: "/people/{id}", ${query('update')} }`],
  );
};

const row = (text: string) => ({ [ROW]: `${MAPPING}${text}` });
const PHONE = "  - crm: phones[kind='work'].number\n    shop: phone\n";

it('a row on a property that every operation asks for is loaded', () => {
  const result = load({ ...asking(), ...row(PHONE) });
  expect(reported(result)).toEqual([]);
  expect(result.config.systems.get('crm')!.entities.people!.optional).toEqual({
    param: 'fields',
    names: ['phones', 'address', 'changed'],
  });
});

it.each(['list', 'read', 'find', 'create', 'update'])(
  'a row on a property that "%s" does not ask for is refused',
  (name) => {
    expect(reported(load({ ...asking({ [name]: 'address,changed' }), ...row(PHONE) }))).toEqual([
      `${ROW}:18:10 CONFIG_OPERATION properties[3].crm: people of crm answers phones only where the query parameter "fields" names it, and "${name}" does not: it would be taken for empty, and what is in it could be lost. Add it to "fields" there, in ${FILE}.`,
    ]);
  },
);

it('the response of a create or an update is not checked where the record is read again', () => {
  const files = asking({ create: '', update: '' });
  const text = files[FILE]!.replace('create: { path: /people,', 'create: { path: /people, answer: id,').replace(
    'update: { path: "/people/{id}",',
    'update: { path: "/people/{id}", answer: none,',
  );
  expect(reported(load({ [FILE]: text, ...row(PHONE) }))).toEqual([]);
});

it('the time of modification and the fields of a search must be asked for', () => {
  expect(reported(load(asking({ read: 'phones,address' })))).toContainEqual(
    expect.stringMatching(
      /^systems\/crm\.yaml:8:15 CONFIG_OPERATION entities\.people\.modified: people answers changed only/,
    ),
  );
  expect(
    reported(load(asking({ find: 'phones,address,changed', read: 'phones,address,changed' }, '[mail]'))),
  ).toContainEqual(
    expect.stringMatching(
      /^systems\/crm\.yaml:\d+:\d+ CONFIG_OPERATION entities\.people\.find\.by\.mail: people answers mail only .* "find" does not/,
    ),
  );
});

it.each([
  ['when', '\nwhen: { crm: $exists(phones) }', 'when.crm'],
  ['a match rule', '', 'match[1].crm'],
  ['a computed row', '', 'properties[3].crm'],
  ['a conversion', '', 'properties[3].convert.shop'],
])('%s that reads a property that is not asked for is refused', (what, top, place) => {
  const rows: Record<string, string> = {
    'a computed row': '  - crm: $string(phones[0].number) & "x"\n    shop: phone\n    direction: shop\n',
    'a conversion':
      '  - crm: level\n    shop: phone\n    convert: { shop: "$record.phones[0].number" }\n    direction: shop\n',
  };
  const match = what === 'a match rule' ? '  - crm: phones[0].number\n    shop: phone\n' : '';
  const text = MAPPING.replace('\ncreate:', `\n${match}create:`).replace('\nmatch:', `${top}\nmatch:`);
  const problems = reported(load({ ...asking({ read: 'address,changed' }), [ROW]: `${text}${rows[what] ?? ''}` }));
  expect(problems).toEqual([expect.stringContaining(` CONFIG_OPERATION ${place}: people of crm answers phones only`)]);
});

it('without names every property must be asked for', () => {
  const fields = (names: string) => ({ list: names, read: names, find: names, create: names, update: names });
  const all = 'id,name,mail,address,changed,ref,phones';
  const files = (names: string) => {
    const made = asking(fields(names), '[phones]');
    return { [FILE]: made[FILE]!.replace(', names: [phones]', ''), ...row(PHONE) };
  };
  expect(reported(load(files(all)))).toEqual([]);
  expect(reported(load(files(all.replace('name,', ''))))).toEqual([
    expect.stringContaining(' CONFIG_OPERATION properties[0].crm: people of crm answers name only'),
  ]);
  expect(reported(load(files(all.replace('mail,', ''))))).toContainEqual(
    expect.stringContaining(' CONFIG_OPERATION entities.people.find.by.mail: people answers mail only'),
  );
});

it('a name that the schema does not have is refused as an optional property', () => {
  expect(reported(load(asking({}, '[phons]')))).toContainEqual(
    expect.stringContaining('entities.people.optional.names[0]: The entity has no "phons"; did you mean "phones"?'),
  );
});

it.each([
  ['phones[0].number', true, true],
  ['$lowercase(phones[0].number)', true, true],
  ['$record.phones', true, true],
  ['$record.phones', false, true],
  ['phones', false, false],
  ['address.phones', true, false],
  ['"phones"', true, false],
  ['$phones', true, false],
  ['$phones()', true, false],
  ['phonesmore', true, false],
])('readBy finds whether %s reads phones, with the record as input %s: %s', (source, bare, wanted) => {
  const entity = { schema: {}, optional: { param: 'fields', names: ['phones'] } } as unknown as EntityConfig;
  const all = {
    schema: { properties: { phones: {}, mail: {} } },
    optional: { param: 'fields' },
  } as unknown as EntityConfig;
  expect(readBy(entity, source, bare)).toEqual(wanted ? ['phones'] : []);
  expect(readBy(all, source, bare)).toEqual(wanted ? ['phones'] : []);
});

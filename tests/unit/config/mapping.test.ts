/** Mapping files: what they become, and what is reported of their faults, with file, line and column. */
import { describe, expect, it } from 'vitest';
import { edited, load, MAPPING, reported } from './fixture.ts';

const FILE = 'mappings/people-customers.yaml';
const mapping = (...changes: [string, string][]) => load(edited(FILE, ...changes));
/** The mapping with one more row. */
const row = (text: string): [string, string] => ['    shop: street\n', `    shop: street\n${text}`];

describe('a schedule that would hammer the systems, or that no clock can hold, is refused with its place', () => {
  it.each([
    '{ changes: 0s, full: 1d }',
    '{ changes: 0.0001s, full: off }',
    '{ changes: 1ms }',
    '{ changes: 99999999999d }',
  ])('%s', (schedule) => {
    const { problems } = mapping(['create: [shop]', `create: [shop]\nschedule: ${schedule}`]);
    expect(problems).toMatchObject([
      { code: 'CONFIG_SCHEMA', line: 10, where: 'schedule.changes', message: 'Must be a duration from 1s to 365d.' },
    ]);
  });

  it('whichever of the two scans it is for', () => {
    expect(mapping(['create: [shop]', 'create: [shop]\nschedule: { full: 0d }']).problems).toMatchObject([
      { where: 'schedule.full' },
    ]);
  });
});

describe('both sides of one entity', () => {
  const between = (more: string): [string, string] => [
    '  crm: people\n  shop: customers\nmatch:\n  - crm: $lowercase(mail)\n    shop: $lowercase(email)\ncreate: [shop]\n',
    `  crm: { system: crm, entity: people }\n  shop: { system: crm, entity: people }\n${more}`,
  ];
  const rows: [string, string][] = [
    ['    shop: email', '    shop: mail'],
    ['    shop: street', '    shop: free.street'],
  ];

  it.each([
    ['create: [crm, shop]', 'create[0]', 'create[1]'],
    ['create: [shop]', 'create[0]'],
    ['create: { shop: always }', 'create.shop'],
    ['when: { crm: level > 1 }\ncreate: [shop]', 'create[0]'],
    ['when: { crm: level > 1, shop: " level > 1" }\ncreate: [shop]', 'create[0]'],
  ])('are refused with %s: each copy would get a copy', (more, ...where) => {
    const { problems } = mapping(between(`${more}\n`), ...rows);
    expect(problems.map((one) => one.where)).toEqual(where);
    expect(problems[0]!.message).toMatch(/^Both sides are people of crm.*"when" for each side/);
  });

  it('are fine where a condition for each side keeps them apart, or where nothing is created', () => {
    for (const more of ['when: { crm: level > 1, shop: level <= 1 }\ncreate: [crm, shop]', 'create: []'])
      expect(reported(mapping(between(`${more}\n`), ...rows))).toEqual([]);
  });
});

it('a mapping that refers to one whose file cannot be read says so, and proposes no other one', () => {
  const { problems } = load({
    ...edited(FILE, ['    required: true', '    requird: true']),
    'mappings/teams.yaml':
      'mapping: teams\nbetween: { crm: people, shop: customers }\nproperties:\n  - crm: boss_id\n    shop: parent_id\n    reference: people-customers\n',
    'mappings/people-customer.yaml': MAPPING.replace('people-customers', 'people-customer'),
  });
  expect(problems.filter(({ secondary }) => secondary).map(({ message }) => message)).toEqual([
    'The mapping "people-customers" has faults of its own; correct those first.',
  ]);
});

it('create per side takes always, missing or on-demand, and refuses other values', () => {
  const { config, problems } = mapping(['create: [shop]', 'create: { shop: always, crm: missing }']);
  expect(problems).toEqual([]);
  expect(config.mappings.get('people-customers')!.sides).toMatchObject([{ create: 'missing' }, { create: 'always' }]);
  expect(mapping(['create: [shop]', 'create: { shpo: always }']).problems).toMatchObject([
    { where: 'create.shpo', message: expect.stringMatching(/did you mean "shop"/) },
  ]);
  expect(mapping(['create: [shop]', 'create: { shop: often }']).problems[0]).toMatchObject({ line: 9 });
});

describe('a mapping without properties', () => {
  const without = (...changes: [string, string][]) =>
    mapping([MAPPING.slice(MAPPING.indexOf('properties:')), 'properties: []\n'], ...changes);

  it('is taken where it has a rule by which it links', () => {
    const { config, problems } = without(['create: [shop]\n', '']);
    expect(problems).toEqual([]);
    expect(config.mappings.get('people-customers')!.properties).toEqual([]);
  });

  it('may not propagate deletes: it is not known whether a record was edited meanwhile', () =>
    expect(without(['create: [shop]\n', 'deletes: { crm: propagate }\n']).problems).toMatchObject([
      { where: 'deletes', message: expect.stringMatching(/write keep or review/) },
    ]));

  it('may not create: the records would be empty', () =>
    expect(without().problems).toMatchObject([
      { where: 'create[0]', message: expect.stringMatching(/would be empty: add properties/) },
    ]));

  it('is refused without a match rule and without correlate: it would never link anything', () =>
    expect(
      without(['match:\n  - crm: $lowercase(mail)\n    shop: $lowercase(email)\ncreate: [shop]\n', '']).problems,
    ).toMatchObject([{ where: 'properties', message: expect.stringMatching(/add a "match" rule or "correlate"/) }]));
});

describe('a mapping', () => {
  it('cannot call $account(), which is a matter of system files', () => {
    const text = '  - crm: $account().name\n    shop: phone\n    direction: shop\n';
    expect(reported(mapping(row(text)))).toEqual([expect.stringContaining('a mapping cannot call it')]);
  });

  it('gets its values and defaults', () => {
    const { config, problems } = load();
    expect(problems).toEqual([]);
    const found = config.mappings.get('people-customers')!;
    expect(found).toMatchObject({
      conflict: 'latest',
      depth: 0,
      parents: [],
      schedule: { changes: 600_000, webhooks: 3_600_000, full: 86_400_000 },
    });
    expect(
      found.sides.map((side) => [side.name, side.system.name, side.entity.name, side.create, side.deletes]),
    ).toEqual([
      ['crm', 'crm', 'people', undefined, 'keep'],
      ['shop', 'shop', 'customers', 'missing', 'keep'],
    ]);
    expect(found.match[0]).toMatchObject({
      name: '$lowercase(mail) = $lowercase(email)',
      find: ['mail', 'email'],
      onMatch: 'link',
    });
    expect(
      found.properties.map((property) => [
        property.name,
        property.type,
        property.required,
        property.direction,
        property.drift,
        property.line,
      ]),
    ).toEqual([
      ['name', 'string', true, 'both', 'keep', 11],
      ['mail', 'string', false, 'both', 'keep', 14],
      ['address.street', 'string', false, 'both', 'keep', 16],
    ]);
    expect(found.properties[2]!.sides[0].schema).toEqual({ type: 'string' });
  });

  it('takes longhand sides, rules per side and a schedule', () => {
    const { config, problems } = mapping(
      ['  shop: customers', '  shop: { system: shop, entity: customers }'],
      [
        'create: [shop]',
        'create: [crm, shop]\nconflict: shop\ndeletes: { crm: propagate }\nschedule: { changes: off, full: 12h }\ncorrelate: { crm: ref }',
      ],
      row(
        '  - crm: level\n    shop: status\n    direction: shop\n    drift: revert\n    conflict: review\n    type: integer\n    values: { 1: new, 2: gold, 3: gold }\n',
      ),
    );
    expect(reported({ config, problems })).toEqual([]);
    const found = config.mappings.get('people-customers')!;
    expect(found).toMatchObject({ conflict: 1, schedule: { changes: undefined, full: 43_200_000 } });
    expect(found.sides.map((side) => side.deletes)).toEqual(['propagate', 'keep']);
    expect(found.sides[0].correlate?.source).toBe('ref');
    const property = found.properties[3]!;
    expect(property).toMatchObject({ direction: 1, drift: 'revert', conflict: 'review' });
    expect([...property.values!.forward]).toEqual([
      ['1', 'new'],
      ['2', 'gold'],
      ['3', 'gold'],
    ]);
  });

  it('takes a table from a file, in the types of both places', () => {
    const { config, problems } = load({
      ...edited(FILE, row('  - crm: level\n    shop: status\n    values: levels.status\n')),
      'mappings/values/levels.yaml': 'description: Levels.\nstatus: { 1: new, 2: gold }\n',
    });
    expect(problems).toEqual([]);
    const { values } = config.mappings.get('people-customers')!.properties[3]!;
    expect(values!.name).toBe('levels.status');
    expect([...values!.backward]).toEqual([
      ['new', 1],
      ['gold', 2],
    ]);
  });

  it('sees null as missing', async () => {
    const { config } = load();
    expect(await config.mappings.get('people-customers')!.match[0]!.keys[0].evaluate({ mail: null })).toBeUndefined();
  });

  it('resolves references and their order', () => {
    const { config, problems } = load({
      ...edited(FILE),
      'mappings/teams.yaml': `mapping: teams\nbetween: { crm: people, shop: customers }\nproperties:\n  - crm: boss_id\n    shop: parent_id\n    reference: people-customers\n    required: true\n    fallback: { shop: '$link("people-customers", $record("people", $).boss_id)' }\n`,
      'mappings/swapped.yaml':
        'mapping: swapped\nbetween: { b: { system: shop, entity: customers }, a: { system: crm, entity: people } }\nproperties:\n  - b: parent_id\n    a: boss_id\n    reference: teams\n',
    });
    expect(problems).toEqual([]);
    const teams = config.mappings.get('teams')!;
    expect(teams).toMatchObject({ parents: ['people-customers'], depth: 1 });
    expect(teams.properties[0]!.reference).toMatchObject({ mapping: 'people-customers', sides: [0, 1] });
    expect(config.mappings.get('swapped')).toMatchObject({ depth: 2, properties: [{ reference: { sides: [1, 0] } }] });
  });

  it('may refer to itself where that is not required', () => {
    const { config, problems } = mapping(
      row('  - crm: boss_id\n    shop: parent_id\n    reference: people-customers\n'),
    );
    expect(problems).toEqual([]);
    expect(config.mappings.get('people-customers')).toMatchObject({ parents: [], depth: 0 });
  });

  it('changes its version with its text, its tables and its systems, and with nothing else', () => {
    const table = 'levels: { a: b }\n';
    const version = (edits: Record<string, string | undefined> = {}): string =>
      load({
        ...edited(FILE, row('  - crm: free.x\n    shop: status\n    direction: crm\n    values: t.x\n')),
        'mappings/values/t.yaml': 'x: { a: new }\n',
        ...edits,
      }).config.mappings.get('people-customers')!.version;
    expect(version()).toBe(version({ 'mappings/values/other.yaml': table }));
    expect(version()).not.toBe(version({ 'mappings/values/t.yaml': 'x: { b: new }\n' }));
    expect(version()).not.toBe(version(edited('systems/shop.yaml', ['size: 50', 'size: 51'])));
    expect(version()).not.toBe(
      version(edited('schemas/crm/people.schema.json', ['"maxLength": 20', '"maxLength": 21'])),
    );
  });
});

describe('faults', () => {
  it.each<[string, [string, string][], string, string]>([
    ['broken YAML', [['match:', 'match: {']], '7:3 CONFIG_YAML', 'a comma is missing, or the { of line 6'],
    [
      'a missing key',
      [['mapping: people-customers\n', '']],
      '1:1 CONFIG_SCHEMA',
      '"mapping" is missing: Name of the mapping.',
    ],
    [
      'a misspelt key of a property',
      [['    required: true', '    requird: true']],
      '13:5 CONFIG_SCHEMA properties[0].requird',
      '"requird" is no key of a property and no side with a path; did you mean "required"?',
    ],
    [
      'a key that is indented too far',
      [
        [
          'match:\n  - crm: $lowercase(mail)\n    shop: $lowercase(email)\ncreate:',
          'when:\n  crm: $exists(name)\n  match:\n  - crm: mail\n    shop: email\ncreate:',
        ],
      ],
      '8:3 CONFIG_SCHEMA when.match',
      '"match" is a key of the file, not of "when": it is indented too far.',
    ],
    ['an unknown key', [['create:', 'creat: []\ncreate:']], '9:1 CONFIG_SCHEMA creat', 'did you mean "create"?'],
    ['three sides', [['  shop: customers', '  shop: customers\n  third: x']], '4:3 CONFIG_SCHEMA between', 'at most 2'],
    [
      'a side with a reserved name',
      [['  crm: people', '  type: { system: crm, entity: people }']],
      '4:3 CONFIG_SCHEMA between.type',
      'cannot be called "type"',
    ],
    [
      'a system that is not there',
      [['  shop: customers', '  shpo: customers']],
      '5:3 CONFIG_REFERENCE between.shpo',
      'did you mean "shop"?',
    ],
    [
      'an entity that is not there',
      [['  crm: people', '  crm: peoples']],
      '4:8 CONFIG_REFERENCE between.crm',
      'did you mean "people"?',
    ],
    [
      'a side that is not there, in create',
      [['create: [shop]', 'create: [shp]']],
      '9:10 CONFIG_REFERENCE create[0]',
      'did you mean "shop"?',
    ],
    [
      'a side that is not there, in when',
      [['match:', 'when: { crn: $exists(name) }\nmatch:']],
      '6:9 CONFIG_REFERENCE when.crn',
      'did you mean "crm"?',
    ],
    [
      'a conflict rule that is none',
      [['create:', 'conflict: latst\ncreate:']],
      '9:11 CONFIG_REFERENCE conflict',
      'did you mean "latest"?',
    ],
    [
      'a delete rule that is none',
      [['create:', 'deletes: kep\ncreate:']],
      '9:10 CONFIG_SCHEMA deletes',
      'keep (default), propagate or review',
    ],
    [
      'a schedule that is none',
      [['create:', 'schedule: { changes: soon }\ncreate:']],
      '9:22 CONFIG_SCHEMA schedule.changes',
      'or `off`',
    ],
    [
      'a match rule of one side',
      [['    shop: $lowercase(email)\n', '']],
      '7:5 CONFIG_SCHEMA match[0]',
      'The key of "shop" is missing',
    ],
    [
      'a match key that the entity lacks',
      [['$lowercase(mail)', '$lowercase(mial)']],
      '7:10 CONFIG_PATH match[0].crm',
      'did you mean "mail"?',
    ],
    [
      'an expression that does not compile',
      [['$lowercase(mail)', '$lowercase(mail']],
      '7:24 CONFIG_EXPRESSION match[0].crm',
      'Expected ")"',
    ],
    [
      'an unknown function',
      [['$lowercase(mail)', '$trim($lowrcase(mail))']],
      '7:16 CONFIG_EXPRESSION match[0].crm',
      'did you mean $lowercase?',
    ],
    [
      'an expression over lines',
      [['$lowercase(mail)', '>-\n      $trim(\n        $lowrcase(mail)\n      )']],
      '9:9 CONFIG_EXPRESSION match[0].crm',
      'did you mean $lowercase?',
    ],
    [
      'a key that changes by itself',
      [['$lowercase(mail)', '$string($now())']],
      '7:10 CONFIG_EXPRESSION match[0].crm',
      '$now',
    ],
    [
      'a comparison with null',
      [['match:', 'when: { crm: mail = null }\nmatch:']],
      '6:14 CONFIG_EXPRESSION when.crm',
      '$exists',
    ],
    [
      'a path that the entity lacks',
      [['  - crm: address.street', '  - crm: address.stret']],
      '16:10 CONFIG_PATH properties[2].crm',
      'did you mean "street"?',
    ],
    [
      'a path below what is no object',
      [['  - crm: address.street', '  - crm: ref.street']],
      '16:10 CONFIG_PATH properties[2].crm',
      'ref is no object',
    ],
    [
      'a selection that the entity lacks',
      [['  - crm: address.street', "  - crm: phones[knd='x'].number"]],
      '16:10 CONFIG_PATH properties[2].crm',
      'did you mean "kind"?',
    ],
    [
      'a selection by a number where the field is text',
      [['  - crm: address.street', '  - crm: phones[kind=6].number']],
      '16:10 CONFIG_PATH properties[2].crm',
      "write phones[kind='6'].",
    ],
    [
      'a path to the prototype',
      [['  - crm: address.street', '  - crm: address.__proto__']],
      '16:10 CONFIG_PATH properties[2].crm',
      '__proto__',
    ],
    ['a row of one side', [['    shop: street\n', '']], '16:5 CONFIG_SCHEMA properties[2]', '"shop" is missing'],
    [
      'an unknown key of a row',
      [['    required: true', '    requird: "true"']],
      '13:5 CONFIG_SCHEMA properties[0].requird',
      'did you mean "required"?',
    ],
    [
      'a side that is misspelt in a row',
      [['    shop: street', '    shpo: street']],
      '17:5 CONFIG_SCHEMA properties[2].shpo',
      'did you mean "shop"?',
    ],
    [
      'a computed value that is written',
      [['  - crm: address.street', '  - crm: $uppercase(address.street)']],
      '16:10 CONFIG_PATH properties[2].crm',
      'or set "direction: shop"',
    ],
    [
      'a read-only target',
      [row('  - crm: ref\n    shop: updated_at\n')],
      '19:11 CONFIG_PATH properties[3].shop',
      'read-only, so nothing can flow to it; set "direction: crm"',
    ],
    [
      'a direction that is none',
      [row('  - crm: ref\n    shop: phone\n    direction: shopp\n')],
      '20:16 CONFIG_REFERENCE properties[3].direction',
      'did you mean "shop"?',
    ],
    [
      'a type that is none',
      [row('  - crm: ref\n    shop: phone\n    type: text\n')],
      '20:11 CONFIG_SCHEMA properties[3].type',
      'string, integer, decimal',
    ],
    [
      'places of what is no decimal',
      [row('  - crm: ref\n    shop: phone\n    scale: 2\n')],
      '20:5 CONFIG_SCHEMA properties[3].scale',
      'type: decimal',
    ],
    [
      'drift of a two-way row',
      [row('  - crm: ref\n    shop: phone\n    drift: revert\n')],
      '20:5 CONFIG_SCHEMA properties[3].drift',
      '"direction"',
    ],
    [
      'one place written by two rows',
      [row('  - crm: ref\n    shop: street\n')],
      '19:11 CONFIG_DUPLICATE properties[3].shop',
      'written by properties[2] already',
    ],
    [
      'a place within one that is written',
      [row('  - crm: address\n    shop: phone\n    type: list\n')],
      '18:10 CONFIG_DUPLICATE properties[3].crm',
      'written by properties[2] already',
    ],
    [
      'a table that does not exist',
      [row('  - crm: ref\n    shop: phone\n    values: nope.x\n')],
      '20:13 CONFIG_REFERENCE properties[3].values',
      'mappings/values/nope.yaml does not exist',
    ],
    [
      'a table that is not one-to-one',
      [row('  - crm: ref\n    shop: status\n    values: { a: new, b: gold, c: new }\n')],
      '20:32 CONFIG_TABLE properties[3].values.c',
      '"a" and "c" both become "new"',
    ],
    [
      'a table with a value that its place does not take',
      [row('  - crm: ref\n    shop: status\n    values: { a: nev }\n')],
      '20:15 CONFIG_TABLE properties[3].values.a',
      'did you mean "new"?',
    ],
    [
      'a lookup of an entity that is not there',
      [row('  - crm: stage_id\n    shop: phone\n    lookup: { crm: stagez.name }\n')],
      '20:20 CONFIG_REFERENCE properties[3].lookup.crm',
      'did you mean "stages"?',
    ],
    [
      'a lookup of a field that is not there',
      [row('  - crm: stage_id\n    shop: phone\n    lookup: { crm: stages.nme }\n')],
      '20:20 CONFIG_PATH properties[3].lookup.crm',
      'did you mean "name"?',
    ],
    [
      'a reference to a mapping that is not there',
      [row('  - crm: boss_id\n    shop: parent_id\n    reference: people-customer\n')],
      '20:16 CONFIG_REFERENCE properties[3].reference',
      'did you mean "people-customers"?',
    ],
    [
      'a link of a mapping that is not there',
      [row('  - crm: boss_id\n    shop: phone\n    convert: { shop: \'$link("people", $)\' }\n')],
      '20:23 CONFIG_REFERENCE properties[3].convert.shop',
      'no mapping "people"',
    ],
    [
      'a record of an entity that is not there',
      [row('  - crm: boss_id\n    shop: phone\n    convert: { shop: \'$record("customers", $).id\' }\n')],
      '20:23 CONFIG_REFERENCE properties[3].convert.shop',
      '"crm" has no entity "customers"',
    ],
    [
      'a record of an entity that cannot be read',
      [row('  - crm: boss_id\n    shop: phone\n    convert: { shop: \'$record("stages", $).id\' }\n')],
      '20:23 CONFIG_OPERATION properties[3].convert.shop',
      'no operation "read"',
    ],
    [
      'a reference with a table',
      [row('  - crm: boss_id\n    shop: parent_id\n    reference: people-customers\n    values: { a: 1 }\n')],
      '21:5 CONFIG_SCHEMA properties[3].values',
      'cannot go with "reference"',
    ],
    [
      'otherwise without a reference',
      [row('  - crm: ref\n    shop: phone\n    fallback: { shop: "$" }\n')],
      '20:5 CONFIG_SCHEMA properties[3].fallback',
      '"reference"',
    ],
    [
      'a conversion toward a side that nothing flows to',
      [row('  - crm: ref\n    shop: phone\n    direction: shop\n    convert: { crm: $trim($) }\n')],
      '21:16 CONFIG_SCHEMA properties[3].convert.crm',
      'Nothing flows to crm',
    ],
    [
      'a new record without what it needs',
      [['    shop: name\n', '    shop: phone\n']],
      '9:10 CONFIG_SCHEMA create[0]',
      'A new record of customers needs "name", which no property writes',
    ],
    [
      'a mapping that requires itself',
      [row('  - crm: boss_id\n    shop: parent_id\n    reference: people-customers\n    required: true\n')],
      '20:16 CONFIG_CYCLE properties[3].reference',
      '"people-customers" -> "people-customers"',
    ],
    [
      'a correlation that cannot be searched',
      [['create:', 'correlate: { shop: phone }\ncreate:']],
      '9:20 CONFIG_OPERATION correlate.shop',
      'it can by email',
    ],
    [
      'a correlation that is also a row',
      [['create:', 'correlate: { shop: email }\ncreate:']],
      '16:11 CONFIG_DUPLICATE properties[1].shop',
      '"correlate"',
    ],
  ])('%s', (_, changes, start, message) => {
    const result = mapping(...changes);
    const line = reported(result).find((text) => text.startsWith(`${FILE}:${start}`));
    expect(line, reported(result).join('\n')).toBeDefined();
    expect(line).toContain(message);
    expect(result.problems.filter((problem) => problem.where === result.problems[0]!.where)).toHaveLength(1);
    expect(result.config.mappings.size).toBe(0);
    expect(result.config.systems.size).toBe(2);
  });

  it.each([
    ['create', 'create: { path: /customers }', 'create[0]', '9:10'],
    ['update', 'update: { path: "/customers/{id}" }', 'properties[0].shop', '12:11'],
    ['list', 'list: { path: /customers, paging: { kind: page, param: page, size: 50 } }', 'between.shop', '5:9'],
    ['read', 'read: { path: "/customers/{id}" }', 'between.shop', '5:9'],
    ['delete', 'delete: { path: "/customers/{id}" }', 'deletes.shop', '9:18'],
  ])('a missing operation is reported: %s', (operation, text, where, place) => {
    const deletes: [string, string][] =
      operation === 'delete' ? [['create:', 'deletes: { shop: propagate }\ncreate:']] : [];
    const result = load({ ...edited('systems/shop.yaml', [`    ${text}\n`, '']), ...edited(FILE, ...deletes) });
    expect(reported(result)).toContainEqual(
      expect.stringMatching(
        new RegExp(
          `^${FILE}:${place} CONFIG_OPERATION ${where.replace(/[[\].]/g, '\\$&')}: customers of shop has no operation "${operation}"`,
        ),
      ),
    );
  });

  it('the conflict rule latest is refused without a time of modification', () => {
    const result = load(edited('systems/shop.yaml', ['    modified: updated_at\n', '']));
    expect(reported(result)).toEqual([
      expect.stringContaining(
        'CONFIG_OPERATION conflict: "latest" needs the time of modification, which shop (customers) does not have',
      ),
    ]);
  });

  it('a circle of required references is reported in each of its files', () => {
    const refer = (name: string, to: string): string =>
      `mapping: ${name}\nbetween: { crm: people, shop: customers }\nproperties:\n  - crm: boss_id\n    shop: parent_id\n    reference: ${to}\n    required: true\n`;
    const result = load({
      'mappings/a.yaml': refer('a', 'b'),
      'mappings/b.yaml': refer('b', 'c'),
      'mappings/c.yaml': refer('c', 'a'),
      'mappings/d.yaml': refer('d', 'people-customers'),
    });
    expect(reported(result)).toEqual([
      expect.stringMatching(/^mappings\/a\.yaml:6:16 CONFIG_CYCLE .*"a" -> "b" -> "c" -> "a"/),
      expect.stringMatching(/^mappings\/b\.yaml:6:16 CONFIG_CYCLE .*"b" -> "c" -> "a" -> "b"/),
      expect.stringMatching(/^mappings\/c\.yaml:6:16 CONFIG_CYCLE .*"c" -> "a" -> "b" -> "c"/),
    ]);
    expect([...result.config.mappings.keys()].sort()).toEqual(['d', 'people-customers']);
  });

  it('what refers to a faulty mapping does not run either', () => {
    const result = load({
      ...edited(FILE, ['  - crm: address.street', '  - crm: address.stret']),
      'mappings/a.yaml':
        'mapping: a\nbetween: { crm: people, shop: customers }\nproperties:\n  - { crm: boss_id, shop: parent_id, reference: people-customers }\n',
    });
    expect(reported(result)[0]).toContain(
      'mappings/a.yaml:4:49 CONFIG_REFERENCE properties[0].reference: The mapping "people-customers" has faults of its own',
    );
    expect(result.config.mappings.size).toBe(0);
  });

  it('a second mapping of the same name is refused', () => {
    expect(reported(load({ 'mappings/z.yaml': MAPPING }))).toEqual([
      'mappings/z.yaml:1:10 CONFIG_DUPLICATE mapping: The mapping "people-customers" is declared in mappings/people-customers.yaml already.',
    ]);
  });

  it('a faulty file of tables is reported, and so is the mapping that uses it', () => {
    const result = load({
      ...edited(FILE, row('  - crm: ref\n    shop: phone\n    values: t.x\n')),
      'mappings/values/t.yaml': 'x: { a: [1] }\n',
    });
    expect(reported(result)).toEqual([
      expect.stringContaining('mappings/values/t.yaml:1:9 CONFIG_SCHEMA x.a: Must be a text'),
      expect.stringContaining(
        `${FILE}:20:13 CONFIG_REFERENCE properties[3].values: The file mappings/values/t.yaml has faults`,
      ),
    ]);
  });

  it('all faults of one file are reported at once', () => {
    const result = mapping(
      ['$lowercase(mail)', '$lowrcase(mail)'],
      ['create: [shop]', 'create: [shp]'],
      ['  - crm: address.street', '  - crm: address.stret'],
    );
    expect(result.problems.map((problem) => problem.line)).toEqual([7, 9, 16]);
  });
});

/** System files: what they become, and what is reported of their faults, with file, line and column. */
/* biome-ignore-all lint/suspicious/noTemplateCurlyInString: system files hold ${NAME} */
import { describe, expect, it } from 'vitest';
import { ENV, edited, load, reported } from './fixture.ts';

const FILE = 'systems/crm.yaml';

describe('a system', () => {
  it('gets its values and defaults', () => {
    const { config, problems } = load();
    expect(problems).toEqual([]);
    const crm = config.systems.get('crm')!;
    expect(crm).toMatchObject({
      baseUrl: 'https://crm.example/api',
      timeout: 30_000,
      concurrency: 4,
      limits: [],
      auth: { kind: 'bearer', token: 'crm-secret' },
    });
    expect(crm.entities.people).toMatchObject({
      system: 'crm',
      name: 'people',
      list: { method: 'GET', items: '', since: undefined },
      create: { method: 'POST', answer: 'record', idempotency: undefined },
      update: { method: 'PATCH', nested: 'merge', answer: 'record' },
      delete: { method: 'DELETE', path: '/people/{id}' },
      events: [],
    });
    expect(config.systems.get('shop')!.entities.customers!.list!.paging).toEqual({
      kind: 'page',
      param: 'page',
      size: 50,
      first: 1,
    });
  });

  it('has titles for documents: those of its file, else its names', () => {
    const edits = edited(
      FILE,
      ['system: crm', 'system: crm\ntitle: The CRM'],
      [
        '    schema: crm/people',
        "    title: Person\n    fields:\n      phones[kind='home'].number: { title: Home Phone }\n    schema: crm/people",
      ],
    );
    const { title, entities } = load(edits).config.systems.get('crm')!;
    expect([title, entities.people!.title, entities.stages!.title]).toEqual(['The CRM', 'Person', 'stages']);
    expect(entities.people!.fields).toEqual({ "phones[kind='home'].number": { title: 'Home Phone' } });
    expect(load().config.systems.get('crm')!.title).toBe('crm');
  });

  it('refuses a title of a field that the schema does not have', () => {
    const edits = edited(FILE, [
      '    schema: crm/people',
      '    fields: { adress.street: { title: Street } }\n    schema: crm/people',
    ]);
    expect(reported(load(edits))).toContain(
      'systems/crm.yaml:6:15 CONFIG_PATH entities.people.fields.adress.street: The entity has no "adress"; did you mean "address"?',
    );
  });

  it('says how its account is read, and keeps that for an hour', () => {
    const edits = edited(FILE, ['entities:', 'account: { path: /account }\nentities:']);
    expect(load(edits).config.systems.get('crm')!.account).toMatchObject({
      method: 'GET',
      path: '/account',
      cache: 3_600_000,
    });
  });

  it.each([
    ['normalize', 'account: { path: /account }\nentities:', 'Only "denormalize" can call $account().'],
    ['denormalize', 'entities:', '$account() needs the key "account" of the system file.'],
  ])('refuses $account() in %s where it cannot be answered', (key, head, reason) => {
    const edits = edited(
      FILE,
      ['entities:', head],
      ['    schema: crm/people', `    schema: crm/people\n    ${key}: '{ "id": $account().id }'`],
    );
    expect(reported(load(edits))).toContainEqual(expect.stringContaining(reason));
  });

  it('takes numbers and defaults from the environment', () => {
    const edits = edited(FILE, [
      'entities:',
      'timeout: ${WAIT:-2m}\nconcurrency: "${MANY}"\nlimits: [{ requests: "${LIMIT:-10}", per: 1s }]\nentities:',
    ]);
    const { config, problems } = load(edits, { ...ENV, MANY: '3' });
    expect(problems).toEqual([]);
    expect(config.systems.get('crm')).toMatchObject({
      timeout: 120_000,
      concurrency: 3,
      limits: [{ requests: 10, per: 1_000 }],
    });
  });

  it('changes its version with its text and its schemas, and with nothing else', () => {
    const version = (edits = {}, env = {}): string =>
      load(edits, { ...ENV, ...env }).config.systems.get('crm')!.version;
    expect(version()).toBe(version({}, { CRM_TOKEN: 'other' }));
    expect(version()).toBe(version({ 'systems/shop.yaml': undefined }));
    expect(version()).not.toBe(version(edited(FILE, ['path: /people', 'path: /persons'])));
    expect(version()).not.toBe(
      version(edited('schemas/crm/people.schema.json', ['"maxLength": 20', '"maxLength": 21'])),
    );
  });

  it('evaluates normalize with what the system answered', async () => {
    const { config } = load(
      edited(FILE, [
        '    id: id\n    modified',
        `    id: id\n    normalize: '$merge([$, { "name": name & "!" }])'\n    modified`,
      ]),
    );
    expect(await config.systems.get('crm')!.entities.people!.normalize!.evaluate({ name: 'x', mail: null })).toEqual({
      name: 'x!',
      mail: null,
    });
  });
});

describe('a duration that no clock can hold, or that makes no sense, is refused with its place', () => {
  it.each([
    ['timeout: 99999999999d', 'timeout', '100ms to 1h'],
    ['timeout: 0s', 'timeout', '100ms to 1h'],
    ['timeout: 99999999999999999999999s', 'timeout', '100ms to 1h'],
    ['limits: [{ requests: 1, per: 0s }]', 'limits[0].per', '100ms to 31d'],
    ['limits: [{ requests: 1, per: 99d }]', 'limits[0].per', '100ms to 31d'],
  ])('%s', (text, where, range) => {
    const reported = load(edited(FILE, ['entities:', `${text}\nentities:`])).problems.filter(
      (one) => one.file === FILE,
    );
    expect(reported).toMatchObject([
      { code: 'CONFIG_SCHEMA', line: 4, where, message: `Must be a duration from ${range}.` },
    ]);
  });

  it('a duration of 0 is accepted where it means none', () => {
    const { problems } = load(
      edited(FILE, [
        'list: { path: /people, paging: { kind: none } }',
        'list: { path: /people, paging: { kind: none }, since: { kind: filter, query: { s: "{since}" }, overlap: 0s } }',
      ]),
    );
    expect(problems).toEqual([]);
  });
});

describe('two page sizes in one list', () => {
  const list = (text: string) =>
    load({
      ...edited('systems/shop.yaml', [
        'list: { path: /customers, paging: { kind: page, param: page, size: 50 } }',
        `list: ${text}`,
      ]),
    });

  it.each([
    ['{ path: /customers, query: { per_page: 100 }, paging: { kind: page, param: page, size: 50 } }', 'query.per_page'],
    ['{ path: /customers, query: { limit: "20" }, paging: { kind: offset, param: offset, size: 50 } }', 'query.limit'],
    ['{ path: "/customers?pageSize=20", paging: { kind: page, param: page, size: 50 } }', 'path'],
  ])('are refused: %s', (text, where) => {
    const { problems } = list(text);
    expect(problems[0]).toMatchObject({ code: 'CONFIG_SCHEMA', line: 9, where: `entities.customers.list.${where}` });
    expect(problems[0]!.message).toMatch(/^A page has (100|20) records here and 50 in "paging"/);
  });

  it('a list that sets the page number twice is refused', () => {
    const { problems } = list(
      '{ path: /customers, query: { page: 1 }, paging: { kind: page, param: page, size: 50 } }',
    );
    expect(problems[0]).toMatchObject({
      where: 'entities.customers.list.query.page',
      message: expect.stringMatching(/"paging" sets page/),
    });
  });

  it('are fine where they are the same, or where the number is of something else', () => {
    expect(
      list('{ path: /customers, query: { per_page: 50, count: all }, paging: { kind: page, param: page, size: 50 } }')
        .problems,
    ).toEqual([]);
  });
});

describe('faults', () => {
  it.each<[string, [string, string][], string, string]>([
    ['broken YAML', [['entities:', 'entities: [']], '6:11 CONFIG_YAML', ''],
    ['a key written twice', [['baseUrl', 'system: again\nbaseUrl']], '2:1 CONFIG_DUPLICATE', 'written twice'],
    [
      'an unknown key',
      [['entities:', 'entitys: 1\nentities:']],
      '4:1 CONFIG_SCHEMA entitys',
      'did you mean "entities"?',
    ],
    [
      'an unknown key deep down',
      [['create: { path: /people }', 'create: { path: /people, anser: id }']],
      '12:30 CONFIG_SCHEMA entities.people.create.anser',
      'did you mean "answer"?',
    ],
    [
      'a missing key',
      [['    id: id\n    modified', '    modified']],
      '5:3 CONFIG_SCHEMA entities.people',
      '"id" is missing: Path of the record\'s id.',
    ],
    [
      'a value outside its list',
      [['create: { path: /people }', 'create: { path: /people, answer: all }']],
      '12:38 CONFIG_SCHEMA entities.people.create.answer',
      'record, id',
    ],
    ['a wrong type', [['entities:', 'limits: 5\nentities:']], '4:9 CONFIG_SCHEMA limits', 'Must be a list.'],
    ['an unknown kind', [['kind: bearer', 'kind: beerer']], '3:15 CONFIG_SCHEMA auth.kind', 'did you mean "bearer"?'],
    [
      'a key of another kind',
      [['auth: { kind: bearer,', 'auth: { kind: bearer, user: x,']],
      '3:23 CONFIG_SCHEMA auth.user',
      '"user" is not known here',
    ],
    ['a bad duration', [['entities:', 'timeout: 30 seconds\nentities:']], '4:10 CONFIG_SCHEMA timeout', 'A duration'],
    ['a secret in the file', [['"${CRM_TOKEN}"', 's3cr3t']], '3:30 CONFIG_SECRET auth.token', '${NAME}'],
    ['a secret with a default', [['${CRM_TOKEN}', '${CRM_TOKEN:-s3cr3t}']], '3:31 CONFIG_SECRET auth.token', '${NAME}'],
    [
      'a secret among the headers',
      [['entities:', 'headers: { X-Api-Key: s3cr3t }\nentities:']],
      '4:23 CONFIG_SECRET headers.X-Api-Key',
      '${NAME}',
    ],
    [
      'a secret in the address',
      [['https://crm', 'https://me:s3cr3t@crm']],
      '2:10 CONFIG_SECRET baseUrl',
      'kind: basic',
    ],
    [
      'a missing variable',
      [['https://crm.example/api/', '${CRM_URL}']],
      '2:10 CONFIG_ENV baseUrl',
      'CRM_URL is not set',
    ],
    [
      'a variable without a name',
      [['https://crm.example/api/', '${1+1}']],
      '2:10 CONFIG_ENV baseUrl',
      'names no environment variable',
    ],
    [
      'an expression that does not compile',
      [['    id: id\n    modified', '    id: id\n    normalize: $merge([$, {)\n    modified']],
      '8:28 CONFIG_EXPRESSION entities.people.normalize',
      '',
    ],
    [
      'an expression that asks for records',
      [['    id: id\n    modified', '    id: id\n    normalize: $record("people", 1)\n    modified']],
      '8:16 CONFIG_EXPRESSION entities.people.normalize',
      'for mappings',
    ],
    [
      'a schema that is not there',
      [['schema: crm/people', 'schema: crm/peeple']],
      '6:13 CONFIG_REFERENCE entities.people.schema',
      'no file schemas/crm/peeple.schema.json',
    ],
    [
      'a path that the schema lacks',
      [['modified: changed', 'modified: chnged']],
      '8:15 CONFIG_PATH entities.people.modified',
      'did you mean "changed"?',
    ],
    [
      'a field of find that the schema lacks',
      [['mail: { mail:', 'mial: { mail:']],
      '11:34 CONFIG_PATH entities.people.find.by.mial',
      'did you mean "mail"?',
    ],
    [
      'a path without its id',
      [['update: { path: "/people/{id}" }', 'update: { path: "/people" }']],
      '13:22 CONFIG_SCHEMA entities.people.update.path',
      'must hold {id}',
    ],
    [
      'a place to fill in that is unknown',
      [['list: { path: /people', 'list: { path: "/people/{di}"']],
      '9:20 CONFIG_SCHEMA entities.people.list.path',
      '{di} is not known',
    ],
    [
      'a search without its value',
      [['{ mail: "{value}" }', '{ mail: x }']],
      '11:34 CONFIG_SCHEMA entities.people.find.by.mail',
      '{value}',
    ],
    [
      'a filter without its time',
      [
        [
          'paging: { kind: none } }\n    read',
          'paging: { kind: none }, since: { kind: filter, query: { a: b } } }\n    read',
        ],
      ],
      '9:75 CONFIG_SCHEMA entities.people.list.since.query',
      '{since}',
    ],
    [
      'an answer that needs a read',
      [
        ['    read: { path: "/people/{id}" }\n', ''],
        ['create: { path: /people }', 'create: { path: /people, answer: id }'],
      ],
      '11:38 CONFIG_OPERATION entities.people.create.answer',
      '"read"',
    ],
    [
      'an event of two entities',
      [['  stages:\n', '    events: [a, b]\n  stages:\n    events: [b]\n']],
      '17:14 CONFIG_DUPLICATE entities.stages.events[0]',
      'belongs to "people"',
    ],
  ])('%s', (_, changes, start, message) => {
    const result = load(edited(FILE, ...changes));
    const own = result.problems.filter((problem) => problem.file === FILE);
    const line = reported(result).find((text) => text.startsWith(`${FILE}:${start}`));
    expect(line, reported(result).join('\n')).toBeDefined();
    expect(line).toContain(message);
    expect(own).toHaveLength(1);
    expect(reported(result).join('\n')).not.toContain('s3cr3t');
    expect(result.config.systems.has('crm')).toBe(false);
    expect(result.config.systems.has('shop')).toBe(true);
    // The mapping cannot run, and says so where it names the system.
    expect(result.config.mappings.size).toBe(0);
    expect(reported(result)).toContainEqual(
      expect.stringContaining(
        'mappings/people-customers.yaml:4:3 CONFIG_REFERENCE between.crm: The system "crm" has faults',
      ),
    );
  });

  it('a second system of the same name is refused', () => {
    const result = load({ 'systems/crm2.yaml': edited(FILE)[FILE]! });
    expect(reported(result)).toEqual([
      'systems/crm2.yaml:1:9 CONFIG_DUPLICATE system: The system "crm" is declared in systems/crm.yaml already.',
    ]);
  });

  it('an entity schema that is no JSON Schema is reported', () => {
    const broken = load({ 'schemas/crm/people.schema.json': '{"type": ' });
    expect(reported(broken)[0]).toMatch(/^schemas\//);
    expect(reported(broken)).toContainEqual(
      expect.stringMatching(/^schemas\/crm\/people\.schema\.json:1:\d+ CONFIG_YAML/),
    );
    const wrong = load({ 'schemas/crm/people.schema.json': '{"type": "thing"}' });
    expect(reported(wrong)).toContainEqual(
      expect.stringContaining('schemas/crm/people.schema.json:1:11 CONFIG_SCHEMA type: Must be one of array'),
    );
    const lost = load({ 'schemas/crm/people.schema.json': '{"$ref": "#/nowhere"}' });
    expect(reported(lost)).toContainEqual(
      expect.stringContaining('schemas/crm/people.schema.json:1:1 CONFIG_SCHEMA: Is no usable JSON Schema'),
    );
  });
});

/** The files of this repository load without a fault; drafts are checked against them. */
import { readFile } from 'node:fs/promises';
import countries from 'i18n-iso-countries';
import { describe, expect, it } from 'vitest';
import { readFiles } from '../../../engine/config/files.ts';
import { formatProblem } from '../../../engine/config/format.ts';
import { loadConfig, loadMappingText } from '../../../engine/config/load.ts';
import { validateRecord } from '../../../engine/config/record-schema.ts';
import { ENV, edited, files, load, MAPPING } from './fixture.ts';
import { loadReal, REAL_ENV, ROOT } from './real.ts';

describe('the files of this repository', async () => {
  const { config, problems } = await loadReal();
  const mapping = (name: string) => config.mappings.get(name)!;

  it('have no fault', () => {
    expect(problems.map(formatProblem)).toEqual([]);
    expect([...config.systems.keys()].sort()).toEqual(['customwebshop', 'keap']);
    expect([...config.mappings.keys()].sort()).toEqual([
      'company-customer',
      'contact-customer',
      'opportunity-order',
      'product-product',
    ]);
  });

  it('put parents first', () => {
    expect(mapping('opportunity-order')).toMatchObject({ depth: 1, parents: ['company-customer', 'contact-customer'] });
    for (const name of ['company-customer', 'contact-customer', 'product-product'])
      expect(mapping(name)).toMatchObject({ depth: 0, parents: [] });
  });

  it('can be searched by what they match', () => {
    expect(mapping('company-customer').match.map((rule) => rule.find)).toEqual([
      ['email_address.email', 'email'],
      ['company_name', 'company'],
    ]);
    expect(mapping('contact-customer').match.map((rule) => rule.find)).toEqual([
      ["email_addresses[field='EMAIL1'].email", 'email'],
    ]);
    expect(mapping('product-product').match.map((rule) => [rule.find, rule.onMatch])).toEqual([
      [['sku', 'sku'], 'link'],
      [['name', 'name'], 'review'],
    ]);
  });

  it('normalize what Keap answers', async () => {
    const { entities } = config.systems.get('keap')!;
    expect(
      await entities.opportunities!.normalize!.evaluate({
        id: '1',
        contact: { id: '7' },
        stage: { id: '3', name: 'x' },
        user: null,
        next_action_notes: null,
      }),
    ).toEqual({
      id: '1',
      next_action_notes: null,
      contact_id: '7',
      stage_id: '3',
    });
    expect(
      await entities.products!.normalize!.evaluate({ id: '1', price: { amount: 1999, currency_code: 'EUR' } }),
    ).toEqual({ id: '1', price: 19.99, currency_code: 'EUR' });
    expect(await entities.products!.normalize!.evaluate({ id: '1' })).toEqual({ id: '1' });
  });

  it('read the events of both systems', async () => {
    const keap = { body: { event_key: 'company.edit', object_keys: [{ id: 1 }, { id: 2 }] } };
    expect(await config.systems.get('keap')!.webhooks!.events.evaluate(keap)).toEqual([
      { event: 'company.edit', id: '1' },
      { event: 'company.edit', id: '2' },
    ]);
    expect(
      await config.systems
        .get('customwebshop')!
        .webhooks!.events.evaluate({ body: { topic: 'order.created', resource_id: 5 } }),
    ).toEqual({ event: 'order.created', id: '5' });
  });

  it('convert phones', async () => {
    const property = (name: string, path: string) => mapping(name).properties.find((one) => one.name === path)!;
    expect(await property('company-customer', 'phone_number.number').convert[1]!.evaluate('+31 (0)6-1234')).toBe(
      '+3106' + '1234',
    );
  });

  it('name every missing variable, and no secret', async () => {
    const result = await loadConfig({ root: ROOT, env: {} });
    const reported = result.problems
      .filter((problem) => problem.code === 'CONFIG_ENV')
      .map((problem) => /variable (\w+)/.exec(problem.message)![1]);
    expect(reported.sort()).toEqual(Object.keys(REAL_ENV).sort());
    expect(result.config.mappings.size).toBe(0);
  });

  it('point editors to their formats', async () => {
    for (const [file, text] of await readFiles({ root: ROOT })) {
      if (/^(systems|mappings)\/[^/]+\.yaml$/.test(file))
        expect(text.split('\n')[0], file).toMatch(
          /^# yaml-language-server: \$schema=\.\.\/schemas\/(system|mapping)\.schema\.json$/,
        );
    }
  });

  it('hold all countries of ISO 3166', () => {
    const { values } = mapping('company-customer').properties.find((one) => one.name === 'address.country_code')!;
    expect(Object.fromEntries(values!.forward)).toEqual(countries.getAlpha3Codes());
    expect(Object.fromEntries(values!.backward)).toEqual(countries.getAlpha2Codes());
    expect(values!.forward.get('NOR')).toBe('NO');
  });
});

describe('the schemas', () => {
  it('describe every property, so that editors can explain it', async () => {
    const undescribed: string[] = [];
    const visit = (schema: unknown, at: string): void => {
      if (typeof schema !== 'object' || schema === null) return;
      for (const [key, value] of Object.entries(schema)) {
        // A condition is about a property that is described where it is declared.
        if (['if', 'then', 'else', 'anyOf'].includes(key)) continue;
        if (key !== 'properties') {
          visit(value, `${at}.${key}`);
          continue;
        }
        for (const [name, property] of Object.entries(value as Record<string, { description?: string }>)) {
          if (!property.description) undescribed.push(`${at}.${name}`);
          visit(property, `${at}.${name}`);
        }
      }
    };
    for (const [file, text] of await readFiles({ root: ROOT }))
      if (file.startsWith('schemas/')) visit(JSON.parse(text), file);
    expect(undescribed).toEqual([]);
  });
});

describe('the JSON Schema of an entity', () => {
  const FILE = 'schemas/shop/customers.schema.json';
  const schema = (edit: Record<string, unknown>): string =>
    JSON.stringify({ ...(JSON.parse(files().get(FILE)!) as object), ...edit }, null, 1);

  it.each([
    'https://json-schema.org/draft/2020-12/schema',
    'https://json-schema.org/draft/2019-09/schema',
    'http://json-schema.org/draft-07/schema#',
    'http://json-schema.org/draft-07/schema',
    'http://json-schema.org/draft-06/schema#',
  ])('may be of the draft %s', (draft) => {
    const { config, problems } = load({ [FILE]: schema({ $schema: draft }) });
    expect(problems).toEqual([]);
    const { entities } = config.systems.get('shop')!;
    expect(validateRecord(entities.customers!, { name: 5 }, { partial: true })).toEqual([
      { property: 'name', message: 'Must be text.' },
    ]);
  });

  it.each(['http://json-schema.org/draft-04/schema#', 'http://json-schema.org/schema#', ''])(
    'is refused at the line that names another draft: %j',
    (draft) => {
      const text = schema({ $schema: draft });
      const line = text.split('\n').findIndex((one) => one.includes('$schema')) + 1;
      const { problems } = load({ [FILE]: text });
      expect(problems[0]).toMatchObject({ file: FILE, code: 'CONFIG_SCHEMA', where: '$schema', line });
      expect(problems[0]!.message).toMatch(/draft-07/);
    },
  );

  it('is refused at the line that is wrong', () => {
    const { problems } = load(edited(FILE, ['"name":{"type":"string"}', '"name":\n{"type":"strng"}']));
    expect(problems.filter(({ file }) => file === FILE)).toMatchObject([
      {
        code: 'CONFIG_SCHEMA',
        where: 'properties.name.type',
        line: 2,
        message: expect.stringMatching(/one of array, /),
      },
    ]);
  });
});

describe('a draft', () => {
  it('is checked as if it stood among the files', () => {
    const { mapping, problems } = loadMappingText(
      MAPPING.replace('address.street', 'address.stret'),
      'mappings/draft.yaml',
      files(),
      ENV,
    );
    expect(mapping).toBeUndefined();
    expect(problems.map(formatProblem)).toEqual([
      'mappings/draft.yaml:16:10 CONFIG_PATH properties[2].crm: address has no "stret"; did you mean "street"?',
    ]);
  });

  it('takes the place of the mapping of its name', () => {
    const { mapping, problems } = loadMappingText(
      MAPPING.replace('create: [shop]', 'create: []'),
      'mappings/draft.yaml',
      files(),
      ENV,
    );
    expect(problems).toEqual([]);
    expect(mapping!.sides[1].create).toBeUndefined();
  });

  it('of any text gets problems and no crash', () => {
    for (const text of ['', ':', '[]', '5', '{', '- a: b', 'mapping: [x]', 'mapping: x\nbetween: 5\nproperties: [1]']) {
      expect(loadMappingText(text, 'mappings/draft.yaml', files(), ENV).problems.length, text).toBeGreaterThan(0);
    }
  });
});

it('a folder that does not exist is a configuration without files', async () => {
  const { config, problems } = await loadConfig({ root: `${ROOT}no-such-folder`, env: {} });
  expect([config.systems.size, config.mappings.size, problems.length]).toEqual([0, 0, 0]);
});

it('the table of countries is the one that its script writes', async () => {
  expect(await readFile(`${ROOT}mappings/values/countries.yaml`, 'utf8')).toMatch(/^description: .*generate-countries/);
});

/**
 * One bad record of every kind among good ones: none stops another, each has its reason in words, and is retried once
 * its cause is fixed, wherever that is.
 */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { replaced } from '../../support/world.ts';
import {
  counterpart,
  edit,
  expectQuiet,
  failures,
  issueOf,
  linked,
  type MappingName,
  make,
  type SystemName,
  sync,
  unique,
  worldWith,
} from './support.ts';

const change = async (file: string, from: string, to: string): Promise<void> => {
  const path = join(world.dir, file);
  const text = await readFile(path, 'utf8');
  expect(text, file).toContain(from);
  await writeFile(
    path,
    text.replace(from, () => to),
  );
  await world.engine.config.reload();
  expect(world.engine.config.problems()).toEqual([]);
};

const MAPPING = 'mappings/company-customer.yaml';
const TABLES = 'mappings/values/countries.yaml';
const SCHEMA = 'schemas/customwebshop/customers.schema.json';
const SYSTEM = 'systems/customwebshop.yaml';
const FAILS = `\n    convert:\n      customwebshop: '$contains($, "poison") ? $error("It cannot be converted") : $'`;
const ENTRY = '  LIE: LI\n';
const CUSTOMERS = 'schema: customwebshop/customers\n    id: id\n    modified: updated_at';
const NORMALIZE = `\n    normalize: 'note = "unreadable" ? "no record" : $'`;
const STRICT = '"description": "Note.",\n      "maxLength": 30,';

const world = worldWith({
  files: {
    [MAPPING]: replaced([
      'customwebshop: website\n    type: string',
      `customwebshop: website\n    type: string${FAILS}`,
    ]),
    [TABLES]: replaced([ENTRY, '']),
    [SCHEMA]: replaced(['"description": "Note.",', STRICT]),
    [SYSTEM]: replaced([CUSTOMERS, CUSTOMERS + NORMALIZE]),
  },
});

interface Poison {
  readonly kind: string;
  readonly mapping: MappingName;
  readonly from: SystemName;
  readonly code: string;
  readonly reason: RegExp;
  readonly make: (name: string) => Promise<string>;
  /** What is fixed, each way that there is. */
  readonly fixed: Readonly<Record<string, (id: string) => Promise<unknown>>>;
}

const company = (name: string, more: object) => make(world, 'keap', 'companies', { company_name: name, ...more });
const editCompany = (id: string, fields: object) => edit(world, 'keap', 'companies', id, fields);

/** The contact that the bad opportunity refers to, by the name of the opportunity's record. */
const contacts = new Map<string, string>();

const poisons: readonly Poison[] = [
  {
    kind: 'a value that breaks the schema of its target',
    mapping: 'company-customer',
    from: 'keap',
    code: 'RECORD_SCHEMA',
    reason: /customwebshop would not take the record: note may have at most 30 characters/,
    make: (name) => company(name, { notes: 'much longer than thirty characters' }),
    fixed: {
      record: (id) => editCompany(id, { notes: 'short' }),
      schema: () => change(SCHEMA, STRICT, '"description": "Note.",'),
    },
  },
  {
    kind: 'a value that its table does not have',
    mapping: 'company-customer',
    from: 'keap',
    code: 'VALUE_NOT_IN_TABLE',
    reason: /address\.country_code \(keap\) has no entry.*alpha3-alpha2/,
    make: (name) => company(name, { address: { line1: 'A 1', country_code: 'LIE' } }),
    fixed: {
      record: (id) => editCompany(id, { address: { line1: 'A 1', country_code: 'CHE' } }),
      table: () => change(TABLES, 'alpha3-alpha2:\n', `alpha3-alpha2:\n${ENTRY}`),
    },
  },
  {
    kind: 'an expression that fails on it',
    mapping: 'company-customer',
    from: 'keap',
    code: 'EXPRESSION_FAILED',
    reason: /website \(keap\) cannot be converted: It cannot be converted/,
    make: (name) => company(name, { website: 'https://poison.example' }),
    fixed: {
      record: (id) => editCompany(id, { website: 'https://good.example' }),
      mapping: () => change(MAPPING, FAILS, ''),
    },
  },
  {
    kind: 'a record that its target rejects (422)',
    mapping: 'company-customer',
    from: 'keap',
    code: 'SYSTEM_REJECTED',
    reason: /customwebshop rejected the record.*billing\.postcode/,
    make: (name) => company(name, { address: { postal_code: '##_##' } }),
    fixed: {
      record: (id) => editCompany(id, { address: { postal_code: '80331' } }),
      mapping: () =>
        change(
          MAPPING,
          'customwebshop: billing.postcode\n    type: string',
          'customwebshop: billing.postcode\n    type: string\n    convert:\n      customwebshop: $replace($, /[^A-Z0-9 ]/, "")',
        ),
    },
  },
  {
    kind: 'a record that cannot be read out of its list',
    mapping: 'company-customer',
    from: 'shop',
    code: 'EXPRESSION_FAILED',
    reason: /normalize.*customers/,
    make: (name) => make(world, 'shop', 'customers', { company: name, note: 'unreadable' }),
    fixed: {
      record: (id) => edit(world, 'shop', 'customers', id, { note: 'readable' }),
      'system file': () => change(SYSTEM, NORMALIZE, ''),
    },
  },
  {
    kind: 'a record that refers to one without a counterpart',
    mapping: 'opportunity-order',
    from: 'keap',
    code: 'REFERENCE_WAITING',
    reason: /contact_id \(keap\) refers to a record that has no counterpart in "contact-customer" yet/,
    make: async (name) => {
      const contact = await make(world, 'keap', 'contacts', {
        given_name: name,
        email_addresses: [{ email: `${name}@x.example`, field: 'EMAIL1' }],
      });
      const id = await make(world, 'keap', 'opportunities', {
        opportunity_title: name,
        contact_id: contact,
        stage_id: '27',
      });
      contacts.set(id, `${name}@x.example`);
      return id;
    },
    fixed: {
      'record referred to': (id) => make(world, 'shop', 'customers', { email: contacts.get(id)!, last_name: 'Buyer' }),
    },
  },
];

describe.each(poisons)('$kind', ({ mapping, from, code, reason, make: makeBad, fixed }) => {
  it.each(Object.entries(fixed))('is written once the %s is fixed', async (_, fix) => {
    const bad = await makeBad(unique('poison'));
    const good = await company(unique('good'), { website: 'https://good.example', notes: 'good' });
    await sync(world, 'full');
    // Everybody else goes on.
    await linked(world, 'company-customer', 'keap', good);
    expect(await counterpart(world, mapping, from, bad)).toBeUndefined();
    const issue = await issueOf(world, mapping, from, bad);
    expect(issue).toMatchObject({
      kind: code === 'REFERENCE_WAITING' ? 'waiting' : 'failed',
      code,
      reason: expect.stringMatching(reason),
    });
    await expectQuiet(world, mapping);
    expect((await issueOf(world, mapping, from, bad))?.since).toBe(issue?.since);

    await fix(bad);
    await world.settle();
    // Of an edit of a file nobody has to tell; of an edit in a system its scan or event does.
    if (await issueOf(world, mapping, from, bad)) await sync(world, 'changes');
    await linked(world, mapping, from, bad);
    expect(await issueOf(world, mapping, from, bad)).toBeUndefined();
    expect(await failures(world, mapping, from, bad)).toEqual([]);
  });
});

it('records with all these faults at once stop no other record, and each has its own code', async () => {
  for (const [file, from, to] of [
    [MAPPING, 'customwebshop: website\n    type: string', `customwebshop: website\n    type: string${FAILS}`],
    [SCHEMA, '"description": "Note.",', STRICT],
  ] as const)
    await change(file, from, to);
  const all = [
    await company(unique('all'), { notes: 'much longer than thirty characters' }),
    await company(unique('all'), { website: 'https://poison.example' }),
    await company(unique('all'), { address: { country_code: 'YYY' } }),
  ];
  const good = await company(unique('good'), {});
  await sync(world, 'full');
  await linked(world, 'company-customer', 'keap', good);
  const codes = await Promise.all(all.map(async (id) => (await issueOf(world, 'company-customer', 'keap', id))?.code));
  expect(codes).toEqual(['RECORD_SCHEMA', 'EXPRESSION_FAILED', 'VALUE_NOT_IN_TABLE']);
});

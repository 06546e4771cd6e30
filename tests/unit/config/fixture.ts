/** A small configuration of two systems, to be edited by each test. */
/* biome-ignore-all lint/suspicious/noTemplateCurlyInString: system files hold ${NAME} */
import { formatProblem } from '../../../engine/config/format.ts';
import { compileFiles, type LoadResult } from '../../../engine/config/load.ts';

export const ENV = { CRM_TOKEN: 'crm-secret', SHOP_KEY: 'shop-secret' };

const CRM = `system: crm
baseUrl: https://crm.example/api/
auth: { kind: bearer, token: "\${CRM_TOKEN}" }
entities:
  people:
    schema: crm/people
    id: id
    modified: changed
    list: { path: /people, paging: { kind: none } }
    read: { path: "/people/{id}" }
    find: { path: /people, by: { mail: { mail: "{value}" }, ref: { ref: "{value}" } } }
    create: { path: /people }
    update: { path: "/people/{id}" }
    delete: { path: "/people/{id}" }
  stages:
    schema: crm/stages
    id: id
    list: { path: /stages, paging: { kind: none } }
`;

const SHOP = `system: shop
baseUrl: https://shop.example
auth: { kind: header, header: X-Key, value: "\${SHOP_KEY}" }
entities:
  customers:
    schema: shop/customers
    id: id
    modified: updated_at
    list: { path: /customers, paging: { kind: page, param: page, size: 50 } }
    read: { path: "/customers/{id}" }
    find: { path: /customers, by: { email: { email: "{value}" } } }
    create: { path: /customers }
    update: { path: "/customers/{id}" }
    delete: { path: "/customers/{id}" }
`;

const PEOPLE = {
  type: 'object',
  required: ['name'],
  properties: {
    id: { type: 'string', readOnly: true },
    name: { type: 'string', maxLength: 20 },
    mail: { type: ['string', 'null'], format: 'email' },
    address: { type: 'object', properties: { street: { type: 'string' }, country: { type: 'string' } } },
    phones: {
      type: 'array',
      items: { type: 'object', properties: { kind: { type: 'string' }, number: { type: 'string' } } },
    },
    stage_id: { type: 'string' },
    boss_id: { type: 'string' },
    level: { type: 'integer' },
    ref: { type: 'string' },
    changed: { type: 'string', format: 'date-time', readOnly: true },
    free: { type: 'object' },
  },
};

const CUSTOMERS = {
  type: 'object',
  required: ['name'],
  properties: {
    id: { type: 'integer', readOnly: true },
    name: { type: 'string' },
    email: { type: ['string', 'null'], format: 'email' },
    street: { type: 'string' },
    country: { type: 'string', pattern: '^[A-Z]{2}$' },
    phone: { type: 'string' },
    status: { type: 'string', enum: ['new', 'gold', 'gone'] },
    parent_id: { type: 'integer' },
    updated_at: { type: 'string', readOnly: true },
  },
};

const STAGES = { type: 'object', properties: { id: { type: 'string' }, name: { type: 'string' } } };

export const MAPPING = `mapping: people-customers
description: Every person is a customer.
between:
  crm: people
  shop: customers
match:
  - crm: $lowercase(mail)
    shop: $lowercase(email)
create: [shop]
properties:
  - crm: name
    shop: name
    required: true
  - crm: mail
    shop: email
  - crm: address.street
    shop: street
`;

/** The files, with some replaced (undefined: removed). */
export function files(edits: Readonly<Record<string, string | undefined>> = {}): Map<string, string> {
  const all: Record<string, string | undefined> = {
    'systems/crm.yaml': CRM,
    'systems/shop.yaml': SHOP,
    'schemas/crm/people.schema.json': JSON.stringify(PEOPLE, null, 2),
    'schemas/crm/stages.schema.json': JSON.stringify(STAGES),
    'schemas/shop/customers.schema.json': JSON.stringify(CUSTOMERS),
    'mappings/people-customers.yaml': MAPPING,
    ...edits,
  };
  return new Map(Object.entries(all).filter((entry): entry is [string, string] => entry[1] !== undefined));
}

export const load = (
  edits: Readonly<Record<string, string | undefined>> = {},
  env: Record<string, string | undefined> = ENV,
): LoadResult => compileFiles(files(edits), env);

/** Problems as people see them. */
export const reported = (result: LoadResult): string[] => result.problems.map(formatProblem);

/** One of the files with a text replaced; the text must be there. */
export function edited(file: string, ...changes: readonly (readonly [string, string])[]): Record<string, string> {
  let text = files().get(file)!;
  for (const [from, to] of changes) {
    if (!text.includes(from)) throw new Error(`${file} does not hold ${from}`);
    text = text.replace(from, () => to);
  }
  return { [file]: text };
}

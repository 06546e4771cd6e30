/** The rows of the four mappings as a table of examples: what is written on one side, and what must be read on the other. */

import type { Json } from '../../support/world.ts';
import { type MappingName, STAGES } from './support.ts';

export interface Example {
  /** As written in Keap, and as read there once the shop's value has arrived; the same where not said. */
  readonly keap: Json;
  readonly keapRead?: Json;
  readonly shop: Json;
  readonly shopRead?: Json;
}

export interface Row {
  /** The name of the property: its path in Keap, as the mapping has it. */
  readonly name: string;
  readonly keap: { readonly write: string; readonly read: string };
  readonly shop: string;
  /** Example `k` of record `n`; examples of different `k` differ. */
  readonly example: (n: number, k: number) => Example;
  /** Whether both sides can be without a value. */
  readonly clears: boolean;
  /** Rows that must be cleared together with this one. */
  readonly with?: readonly string[];
}

export interface Table {
  readonly mapping: MappingName;
  readonly keap: string;
  readonly shop: string;
  readonly correlated: boolean;
  /** Where a record without a counterpart gets one. */
  readonly creates: readonly ('keap' | 'shop')[];
  readonly rows: readonly Row[];
}

type Values = (n: number, k: number) => Example;

const row = (
  keap: string,
  shop: string,
  example: Values,
  more: { clears?: boolean; name?: string; read?: string; with?: string[] } = {},
): Row => ({
  name: more.name ?? keap,
  keap: { write: keap, read: more.read ?? keap },
  shop,
  example,
  clears: more.clears ?? true,
  ...(more.with ? { with: more.with } : {}),
});
const same = (value: Json): Example => ({ keap: value, shop: value });
const text =
  (word: string): Values =>
  (n, k) =>
    same(`${word} ${k} of ${n}`);
const one =
  (...examples: Example[]): Values =>
  (n, k) =>
    examples[(n + k) % examples.length]!;

/** Regions and their countries go together: a region of another country would be no real address. */
const countries = [
  ['USA', 'US'],
  ['DEU', 'DE'],
  ['GBR', 'GB'],
  ['JPN', 'JP'],
  ['CIV', 'CI'],
] as const;

/** People that opportunities and orders can refer to: a contact and its customer each. */
export const people: { contact: string; customer: string }[] = [];

export const tables: readonly Table[] = [
  {
    mapping: 'company-customer',
    keap: 'companies',
    shop: 'customers',
    correlated: true,
    creates: ['keap', 'shop'],
    rows: [
      row('company_name', 'company', text('Größe & Söhne'), { clears: false }),
      row('email_address.email', 'email', (n, k) => same(`office-${n}-${k}@firm.example`)),
      row('phone_number.number', 'phone', (n, k) => ({
        keap: `+49 (89) ${1000 + n}-${k}`,
        keapRead: `+4989${1000 + n}${k}`,
        shop: `+4989${1000 + n}${k}`,
      })),
      row('website', 'website', (n, k) => same(`https://firm-${n}.example/${k}`)),
      row('address.line1', 'billing.address_1', text('Street')),
      row('address.line2', 'billing.address_2', text('Floor')),
      row('address.locality', 'billing.city', text('São City')),
      row('address.region_code', 'billing.state', (n, k) => same(`US-A${(n + k) % 10}`)),
      row('address.postal_code', 'billing.postcode', (n, k) => same(`N${n} ${k}`)),
      row(
        'address.country_code',
        'billing.country',
        (n, k) => one(...countries.map(([keap, shop]) => ({ keap, shop })))(n, k),
        {
          with: ['address.region_code'],
        },
      ),
      row('notes', 'note', (n, k) => same(`Line one of ${n}\nline two: „${k}“ 東京`)),
    ],
  },
  {
    mapping: 'contact-customer',
    keap: 'contacts',
    shop: 'customers',
    correlated: false,
    creates: ['keap'],
    rows: [
      row('email_addresses[EMAIL1].email', 'email', (n, k) => same(`person-${n}-${k}@people.example`), {
        clears: false,
        name: "email_addresses[field='EMAIL1'].email",
      }),
      row('given_name', 'first_name', text('Zoë')),
      row('family_name', 'last_name', text("O'Neil")),
    ],
  },
  {
    mapping: 'product-product',
    keap: 'products',
    shop: 'products',
    correlated: true,
    creates: ['keap', 'shop'],
    rows: [
      row('sku', 'sku', (n, k) => same(`SKU-${n}-${k}`)),
      row('name', 'name', text('Product'), { clears: false }),
      row('description', 'description', text('<p>Long</p>')),
      row('short_description', 'short_description', text('Short'), { clears: false }),
      // 19.99 * 100 is 1998.9999999999998 as a float: cents must be exact all the same.
      row('price', 'price', (_, k) => ({ keap: 1999 + 100 * k, shop: `${19 + k}.99` }), {
        clears: false,
        read: 'price.amount',
      }),
      row('active', 'active', (_, k) => same(k % 2 === 0), { clears: false }),
      row('taxable', 'taxable', (_, k) => same(k % 2 === 1), { clears: false }),
      row('shippable', 'requires_shipping', (_, k) => same(k % 2 === 0), { clears: false }),
      row('weight', 'weight', (n, k) => same(n + k / 8 + 0.25)),
    ],
  },
  {
    mapping: 'opportunity-order',
    keap: 'opportunities',
    shop: 'orders',
    correlated: true,
    creates: ['keap', 'shop'],
    rows: [
      row('opportunity_title', 'title', text('Deal'), { clears: false }),
      row(
        'contact_id',
        'customer_id',
        (n, k) => {
          const person = people[(n + k) % people.length]!;
          return { keap: person.contact, shop: Number(person.customer) };
        },
        { clears: false, read: 'contact.id' },
      ),
      row(
        'stage_id',
        'status',
        (n, k) => one(...Object.entries(STAGES).map(([shop, keap]) => ({ keap, shop })))(n, k),
        { clears: false, read: 'stage.id' },
      ),
      row('projected_revenue_high', 'total', (n, k) => ({
        keap: 1000 * n + k + 0.5,
        shop: `${1000 * n + k}.5`,
        shopRead: `${1000 * n + k}.50`,
      })),
      row('estimated_close_time', 'due_at', (n, k) => ({
        keap: `2027-03-0${1 + k}T10:${10 + (n % 50)}:00+02:00`,
        keapRead: `2027-03-0${1 + k}T08:${10 + (n % 50)}:00.000Z`,
        shop: `2027-03-0${1 + k}T03:${10 + (n % 50)}:00-05:00`,
        shopRead: `2027-03-0${1 + k}T08:${10 + (n % 50)}:00.000Z`,
      })),
      row('next_action_notes', 'next_step', text('Call')),
      row('opportunity_notes', 'note', text('Note')),
    ],
  },
];

/**
 * The oracle's own idea of what is in step with what, written apart from the engine and its mappings. A *thing* is one
 * company, person, deal or product of the real world; it has a record in several *places*. A *field* of it lives at one
 * path per place, in each system's own notation. Values of fields are compared as plain text.
 */
import { isObject } from '../../../engine/json.ts';
import type { KeapEntity, KeapStore } from '../../../sandbox/keap/store.ts';
import type { ShopEntity, ShopStore } from '../../../sandbox/shop/store.ts';
import type { Random } from './random.ts';

export type Kind = 'company' | 'person' | 'deal' | 'product';
export type Place = 'company' | 'contact' | 'opportunity' | 'keapProduct' | 'customer' | 'order' | 'shopProduct';
export type System = 'keap' | 'customwebshop';
export type RecordData = Readonly<Record<string, unknown>>;

export interface Stores {
  readonly keap: KeapStore;
  readonly shop: ShopStore;
}

export const places: Readonly<Record<Place, { system: System; entity: string; singular: string }>> = {
  company: { system: 'keap', entity: 'companies', singular: 'company' },
  contact: { system: 'keap', entity: 'contacts', singular: 'contact' },
  opportunity: { system: 'keap', entity: 'opportunities', singular: 'opportunity' },
  keapProduct: { system: 'keap', entity: 'products', singular: 'product' },
  customer: { system: 'customwebshop', entity: 'customers', singular: 'customer' },
  order: { system: 'customwebshop', entity: 'orders', singular: 'order' },
  shopProduct: { system: 'customwebshop', entity: 'products', singular: 'product' },
};

/** Which places each mapping keeps in step. */
export const pairs: Readonly<Record<string, readonly [Place, Place]>> = {
  'company-customer': ['company', 'customer'],
  'contact-customer': ['contact', 'customer'],
  'opportunity-order': ['opportunity', 'order'],
  'product-product': ['keapProduct', 'shopProduct'],
};

export interface Access {
  /** Where the stand-in stores it, as a dotted path. */
  readonly path: string;
  /** The value as text in the oracle's notation; '' when empty. */
  get(record: RecordData, stores: Stores): string;
  /** The top-level properties to replace so that the record has the value; undefined: it cannot be set just now. */
  set(record: RecordData, value: string, stores: Stores): Record<string, unknown> | undefined;
}

export interface Field {
  readonly at: Partial<Record<Place, Access>>;
  /** May be emptied: neither side needs it. */
  readonly clearable: boolean;
  /** A value no other step gives (as far as the field has many), that both systems accept. */
  value(random: Random, thing: string, n: number): string;
}

export interface KindSpec {
  readonly prefix: string;
  readonly places: readonly Place[];
  /** Places in which people create it in one moment. */
  readonly origins: readonly (readonly Place[])[];
  readonly fields: Readonly<Record<string, Field>>;
  /** Its mapping propagates deletes, unlike the others. */
  readonly deletesFollow?: boolean;
}

const text = (value: unknown): string => (value === undefined || value === null ? '' : String(value).trim());

interface Notation {
  read(raw: unknown): string;
  write(value: string): unknown;
}
const plain: Notation = { read: text, write: (value) => value };

/** A path of one or two names. `none` is how the system stores an empty value. */
function path(names: string, none: null | undefined, notation: Notation = plain): Access {
  const [top = '', nested] = names.split('.');
  return {
    path: names,
    get(record) {
      const outer = record[top];
      if (nested === undefined) return notation.read(outer);
      return isObject(outer) ? notation.read(outer[nested]) : '';
    },
    set(record, value) {
      const raw = value === '' ? none : notation.write(value);
      if (nested === undefined) return { [top]: raw };
      const outer = isObject(record[top]) ? record[top] : {};
      const kept = Object.entries({ ...outer, [nested]: raw }).filter(([, inner]) => inner !== undefined);
      return { [top]: kept.length === 0 ? undefined : Object.fromEntries(kept) };
    },
  };
}
const keap = (names: string, notation?: Notation): Access => path(names, undefined, notation);
const shop = (names: string, notation?: Notation): Access => path(names, null, notation);

const firstEmail: Access = {
  path: 'email_addresses.0.email',
  get(record) {
    const list = Array.isArray(record.email_addresses) ? record.email_addresses : [];
    const first: unknown = list.find((one: unknown) => isObject(one) && one.field === 'EMAIL1');
    return isObject(first) ? text(first.email) : '';
  },
  set: (_record, value) => ({ email_addresses: [{ email: value, field: 'EMAIL1' }] }),
};

const digits: Notation = {
  read: (raw) => text(raw).replace(/[^0-9+]/g, ''),
  write: (value) => `${value.slice(0, 3)} (${value.slice(3, 5)}) ${value.slice(5)}`,
};
const countries: Readonly<Record<string, string>> = { NL: 'NLD', DE: 'DEU', US: 'USA', FR: 'FRA' };
const alpha3: Notation = {
  read: (raw) => Object.keys(countries).find((two) => countries[two] === raw) ?? text(raw),
  write: (value) => countries[value],
};
const number: Notation = {
  read: (raw) => (raw === undefined || raw === null ? '' : String(Number(raw))),
  write: Number,
};
const money: Notation = { read: number.read, write: (value) => Number(value).toFixed(2) };
const cents: Notation = {
  read: (raw) => (raw === undefined || raw === null ? '' : String(Number(raw) / 100)),
  write: (value) => Math.round(Number(value) * 100),
};
const bool: Notation = { read: text, write: (value) => value === 'true' };
const instant: Notation = {
  read: (raw) => (text(raw) === '' ? '' : new Date(text(raw)).toISOString()),
  write: (value) => value,
};

export const stages: readonly { id: string; name: string; status: string }[] = [
  { id: '11', name: 'New Opportunity', status: 'pending' },
  { id: '23', name: 'Qualifying', status: 'processing' },
  { id: '31', name: 'On Hold', status: 'on-hold' },
  { id: '47', name: 'Won', status: 'completed' },
  { id: '52', name: 'Lost', status: 'cancelled' },
];
const stageId: Notation = {
  read: (raw) => stages.find((stage) => stage.id === raw)?.name ?? text(raw),
  write: (value) => stages.find((stage) => stage.name === value)?.id,
};
const status: Notation = {
  read: (raw) => stages.find((stage) => stage.status === raw)?.name ?? text(raw),
  write: (value) => stages.find((stage) => stage.name === value)?.status,
};

/** A reference: its value is the name of the thing referred to. */
function reference(name: string, place: Place): Access {
  return {
    path: name,
    get(record, stores) {
      const referred = recordsOf(stores, place).find((one) => String(one.id) === String(record[name]));
      return referred ? (thingOf(place, referred) ?? '?') : `missing ${String(record[name])}`;
    },
    set(_record, value, stores) {
      const [referred] = find(stores, place, value);
      return referred && { [name]: referred.id };
    },
  };
}

const words = (what: string, clearable: boolean, at: Field['at']): Field => ({
  at,
  clearable,
  value: (_random, thing, n) => `${what} ${n} of ${thing}`,
});
const oneOf = (from: readonly string[], at: Field['at']): Field => ({
  at,
  clearable: false,
  value: (random) => random.pick(from),
});
const amount = (clearable: boolean, at: Field['at']): Field => ({
  at,
  clearable,
  value: (random, _thing, n) => String((n * 100 + random.between(1, 99)) / 100),
});
const email: Field = {
  at: { company: keap('email_address.email'), customer: shop('email'), contact: firstEmail },
  clearable: false,
  value: (_random, thing, n) => `${thing}.v${n}@example.test`,
};
const personName = {
  first: words('First', true, { contact: keap('given_name'), customer: shop('first_name') }),
  last: words('Last', true, { contact: keap('family_name'), customer: shop('last_name') }),
};

export const kinds: Readonly<Record<Kind, KindSpec>> = {
  company: {
    prefix: 'co',
    places: ['company', 'customer', 'contact'],
    origins: [
      ['company'],
      ['customer'],
      ['company', 'customer'],
      ['company', 'contact'],
      ['company', 'contact', 'customer'],
    ],
    fields: {
      name: words('Company', false, { company: keap('company_name'), customer: shop('company') }),
      email,
      phone: {
        at: { company: keap('phone_number.number', digits), customer: shop('phone') },
        clearable: true,
        value: (random, _thing, n) => `+31${random.between(1, 9)}0${String(n).padStart(5, '0')}`,
      },
      website: words('https://example.test/?', true, { company: keap('website'), customer: shop('website') }),
      line1: words('Street', true, { company: keap('address.line1'), customer: shop('billing.address_1') }),
      line2: words('Floor', true, { company: keap('address.line2'), customer: shop('billing.address_2') }),
      city: words('City', true, { company: keap('address.locality'), customer: shop('billing.city') }),
      postcode: {
        at: { company: keap('address.postal_code'), customer: shop('billing.postcode') },
        clearable: true,
        value: (_random, _thing, n) => `P ${n}`,
      },
      country: oneOf(Object.keys(countries), {
        company: keap('address.country_code', alpha3),
        customer: shop('billing.country'),
      }),
      note: words('Note', true, { company: keap('notes'), customer: shop('note') }),
      ...personName,
    },
  },
  person: {
    prefix: 'pe',
    places: ['contact', 'customer'],
    origins: [['customer'], ['contact', 'customer']],
    fields: { email: { ...email, at: { contact: firstEmail, customer: shop('email') } }, ...personName },
  },
  deal: {
    prefix: 'de',
    places: ['opportunity', 'order'],
    origins: [['opportunity'], ['order']],
    fields: {
      title: words('Deal', false, { opportunity: keap('opportunity_title'), order: shop('title') }),
      customer: {
        at: { opportunity: reference('contact_id', 'contact'), order: reference('customer_id', 'customer') },
        clearable: false,
        value: () => {
          throw new Error('the schedule chooses whom a deal refers to');
        },
      },
      stage: oneOf(
        stages.map((stage) => stage.name),
        { opportunity: keap('stage_id', stageId), order: shop('status', status) },
      ),
      total: amount(true, { opportunity: keap('projected_revenue_high', number), order: shop('total', money) }),
      due: {
        at: { opportunity: keap('estimated_close_time', instant), order: shop('due_at', instant) },
        clearable: true,
        value: (_random, _thing, n) => new Date(Date.UTC(2030, 0, 1) + n * 60_000).toISOString(),
      },
      next: words('Next', true, { opportunity: keap('next_action_notes'), order: shop('next_step') }),
      note: words('Note', true, { opportunity: keap('opportunity_notes'), order: shop('note') }),
    },
  },
  product: {
    prefix: 'pr',
    deletesFollow: true,
    places: ['keapProduct', 'shopProduct'],
    origins: [['keapProduct'], ['shopProduct'], ['keapProduct', 'shopProduct']],
    fields: {
      sku: { ...words('SKU', false, { keapProduct: keap('sku'), shopProduct: shop('sku') }) },
      name: words('Product', false, { keapProduct: keap('name'), shopProduct: shop('name') }),
      description: words('Text', true, { keapProduct: keap('description'), shopProduct: shop('description') }),
      short: words('Short', false, { keapProduct: keap('short_description'), shopProduct: shop('short_description') }),
      price: amount(false, { keapProduct: keap('price', cents), shopProduct: shop('price', money) }),
      active: oneOf(['true', 'false'], { keapProduct: keap('active', bool), shopProduct: shop('active', bool) }),
      taxable: oneOf(['true', 'false'], { keapProduct: keap('taxable', bool), shopProduct: shop('taxable', bool) }),
      shippable: oneOf(['true', 'false'], {
        keapProduct: keap('shippable', bool),
        shopProduct: shop('requires_shipping', bool),
      }),
      weight: amount(true, { keapProduct: keap('weight', number), shopProduct: shop('weight', number) }),
    },
  },
};

export function recordsOf(stores: Stores, place: Place): RecordData[] {
  const { system, entity } = places[place];
  return system === 'keap'
    ? stores.keap.table(entity as KeapEntity).values()
    : stores.shop.table(entity as ShopEntity).values();
}

/** The records of a thing in one place, recognized by its name in a mapped property: two are a duplicate. */
export const find = (stores: Stores, place: Place, thing: string): RecordData[] =>
  recordsOf(stores, place).filter((record) => thingOf(place, record) === thing);

const marks: Readonly<Record<Place, (record: RecordData) => unknown>> = {
  company: (record) => record.company_name,
  contact: (record) => JSON.stringify(record.email_addresses ?? ''),
  customer: (record) => record.email,
  opportunity: (record) => record.opportunity_title,
  order: (record) => record.title,
  keapProduct: (record) => record.sku,
  shopProduct: (record) => record.sku,
};

export const thingOf = (place: Place, record: RecordData): string | undefined =>
  /\b(?:co|pe|de|pr)\d+\b/.exec(String(marks[place](record)))?.[0];

// What the shop's three entities have of their own: fields, defaults, and what must hold for a whole record.

import { isObject, type JsonObject } from '../kit/json.ts';
import { type LineItem, orderStatuses } from './data.ts';
import type { FieldProblem } from './errors.ts';
import * as fields from './fields.ts';
import { type Field, FieldError, text } from './fields.ts';
import type { ShopEntity, ShopStore } from './store.ts';

export interface Entity {
  plural: ShopEntity;
  singular: string;
  /** Fields that can be written. A nested record is one level of names. */
  fields: Record<string, Field | Record<string, Field>>;
  /** Set by the shop; sent values are ignored. */
  readOnly: readonly string[];
  defaults: JsonObject;
  /** May not be empty. */
  required: readonly string[];
  /** Problems of the record as a whole. */
  check: (record: JsonObject, store: ShopStore) => FieldProblem[];
  /** Last touch before a new record is stored. */
  complete?: (record: JsonObject, given: JsonObject) => void;
}

const billing: Record<string, Field> = {
  address_1: text(),
  address_2: text(),
  city: text(100),
  state: text(100),
  postcode: fields.postcode,
  country: fields.country,
};
const nothing = (names: Iterable<string>) => Object.fromEntries([...names].map((name) => [name, null]));
const always = ['id', 'created_at', 'updated_at'];

export const customers: Entity = {
  plural: 'customers',
  singular: 'customer',
  fields: {
    company: text(),
    first_name: text(),
    last_name: text(),
    email: fields.email,
    phone: fields.phone,
    website: text(500),
    billing,
    note: text(65_535),
    external_id: text(),
  },
  readOnly: always,
  defaults: {
    ...nothing(['company', 'first_name', 'last_name', 'email', 'phone', 'website']),
    billing: nothing(Object.keys(billing)),
    ...nothing(['note', 'external_id']),
  },
  required: [],
  check: ({ company, email, last_name }) =>
    company || email || last_name
      ? []
      : [{ field: 'company', message: 'a customer needs a company, an e-mail address or a last name' }],
};

export const orders: Entity = {
  plural: 'orders',
  singular: 'order',
  fields: {
    title: text(),
    customer_id: fields.id,
    status: fields.oneOf(orderStatuses),
    total: fields.money,
    due_at: fields.instant,
    next_step: text(65_535),
    note: text(65_535),
    external_id: text(),
    line_items: lineItems,
  },
  readOnly: [...always, 'number'],
  defaults: { status: 'pending', ...nothing(['total', 'due_at', 'next_step', 'note', 'external_id']), line_items: [] },
  required: ['title', 'customer_id', 'status'],
  check: ({ customer_id, line_items }, store) => {
    const problems: FieldProblem[] = [];
    if (typeof customer_id === 'number' && !store.customers.has(customer_id))
      problems.push({ field: 'customer_id', message: `there is no customer ${customer_id}` });
    (line_items as LineItem[]).forEach(({ product_id }, i) => {
      if (!store.products.has(product_id))
        problems.push({ field: `line_items[${i}].product_id`, message: `there is no product ${product_id}` });
    });
    return problems;
  },
  complete: (record, given) => {
    const items = record.line_items as LineItem[];
    if (items.length > 0 && (given.total === undefined || given.total === null)) record.total = sum(items);
  },
};

export const products: Entity = {
  plural: 'products',
  singular: 'product',
  fields: {
    sku: text(64),
    name: text(),
    description: text(65_535),
    short_description: text(65_535),
    price: fields.price,
    active: fields.boolean,
    taxable: fields.boolean,
    requires_shipping: fields.boolean,
    weight: fields.weight,
    external_id: text(),
  },
  readOnly: always,
  defaults: {
    ...nothing(['sku', 'description', 'short_description', 'price']),
    active: true,
    taxable: true,
    requires_shipping: true,
    ...nothing(['weight', 'external_id']),
  },
  required: ['name', 'active', 'taxable', 'requires_shipping'],
  check: () => [],
};

export const entities: readonly Entity[] = [customers, orders, products];

function lineItems(value: unknown): LineItem[] {
  if (!Array.isArray(value)) throw new FieldError('must be a list');
  return value.map((item: unknown, i) => {
    if (!isObject(item)) throw new FieldError(`item ${i} must be an object`);
    const { product_id, quantity, price } = item;
    if (!Number.isInteger(product_id)) throw new FieldError(`item ${i}: product_id must be an id (a whole number)`);
    if (typeof quantity !== 'number' || !Number.isInteger(quantity) || quantity < 1)
      throw new FieldError(`item ${i}: quantity must be a whole number from 1`);
    return { product_id: Number(product_id), quantity, price: String(fields.money(price ?? '0')) };
  });
}

/** Exact: in cents as BigInt, never as a float. */
export function sum(items: readonly LineItem[]): string {
  const cents = items.reduce((total, item) => total + BigInt(item.price.replace('.', '')) * BigInt(item.quantity), 0n);
  const digits = String(cents).padStart(3, '0');
  return `${digits.slice(0, -2)}.${digits.slice(-2)}`;
}

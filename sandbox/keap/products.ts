import * as currencies from 'dinero.js/currencies';
import type { JsonObject } from '../kit/json.ts';
import type { Product } from './data.ts';
import { entity } from './entity.ts';
import { boolean, type Field, notNegative, object, text, wholeNotNegative } from './fields.ts';
import { compared, idList, wildcard } from './filter.ts';

const writable: Record<string, Field> = {
  name: text(),
  sku: text(),
  price: wholeNotNegative,
  description: text(),
  short_description: text(),
  weight: notNegative,
  top_html: text(),
  bottom_html: text(),
  delivery_description: text(),
  ...Object.fromEntries(
    [
      'active',
      'taxable',
      'shippable',
      'subscription_only',
      'storefront_hidden',
      'country_taxable',
      'state_taxable',
      'city_taxable',
      'is_package',
      'needs_digital_delivery',
    ].map((name) => [name, boolean]),
  ),
};

/** An update has them beside the other properties, a create in an object; the count is then changed by its own operation. */
const inventory: Record<string, Field> = {
  inventory_limit: wholeNotNegative,
  out_of_stock_enabled: boolean,
  email_for_inventory_notifications: text(),
};

const update = { ...writable, ...inventory };

/** An update's properties of the inventory, moved to where the record has them. */
export function withInventory(record: JsonObject): JsonObject {
  const inside = Object.entries(record).filter(([name]) => Object.hasOwn(inventory, name));
  if (inside.length === 0) return record;
  const outside = Object.entries(record).filter(([name]) => !Object.hasOwn(inventory, name));
  return {
    ...Object.fromEntries(outside),
    inventory: { ...(record as Product).inventory, ...Object.fromEntries(inside) },
  };
}

/** ISO 4217 code -> how many digits its smallest unit has. Those of `Intl` are other ones: HUF has none there. */
const digitsOf = new Map(Object.values(currencies).map(({ code, exponent }) => [code as string, exponent]));

/** By currency: to make a format takes longer than all else of a record. */
const formats = new Map<string, Intl.NumberFormat>();

/** An amount in the smallest unit as Keap shows it: 1250 of USD is $12.50, of JPY ¥1,250. */
function readPrice(amount: number, currency: string): JsonObject {
  const digits = digitsOf.get(currency) ?? 2;
  let format = formats.get(currency);
  if (!format) {
    format = new Intl.NumberFormat('en-US', {
      style: 'currency',
      currency,
      minimumFractionDigits: digits,
      maximumFractionDigits: digits,
    });
    formats.set(currency, format);
  }
  return { amount, currency_code: currency, formatted_amount: format.format(amount / 10 ** digits) };
}

export const products = entity<Product>({
  plural: 'products',
  singular: 'product',
  writable: {
    create: { ...writable, inventory: object({ ...inventory, inventory_count: wholeNotNegative }) },
    update,
  },
  mask: Object.keys(update),
  required: ['name', 'price', 'short_description'],
  // No operation takes `fields`.
  fields: {},
  shows: () => true,
  order: {
    name: (product) => product.name,
    sku: (product) => product.sku,
    last_updated_time: (product) => product.update_time,
  },
  filters: {
    name: wildcard((product) => product.name),
    sku: wildcard((product) => product.sku),
    description: wildcard((product) => product.description),
    short_description: wildcard((product) => product.short_description),
    product_id: compared((product) => product.id),
    product_ids: idList(),
  },
  check: () => {},
  read: ({ inventory, ...product }, store, operation): JsonObject => ({
    active: true,
    taxable: false,
    shippable: false,
    storefront_hidden: false,
    subscription_only: false,
    categories: [],
    options: [],
    subscription_plans: [],
    ...product,
    price: readPrice(product.price, store.currency),
    // Lists leave the count out.
    ...(inventory && { inventory: operation === 'list' ? { ...inventory, inventory_count: undefined } : inventory }),
  }),
  end: 'empty',
  next: 'token',
});

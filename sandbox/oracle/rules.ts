// What must be equal on both sides of a linked pair: written from the descriptions of both systems, never from the
// mapping files, so that an error in those cannot hide here. Each rule brings both values into one form.

import countries from 'i18n-iso-countries';
import { type JsonObject, valueAt } from '../kit/json.ts';
import type { MappingName } from '../seed/expected.ts';

/** What a rule may look up besides the two records: links and records of both systems, by id. */
export interface Surroundings {
  /** The shop customer that is linked to a Keap contact, or to a Keap company. */
  customerOfContact(id: string): string | undefined;
  customerOfCompany(id: string): string | undefined;
  contact(id: string): JsonObject | undefined;
}

/** A value in the form in which both sides are compared: `undefined` is empty, everything else is text. */
export type Canonical = string | undefined;

export interface Rule {
  /** Path on the Keap side. */
  readonly property: string;
  keap(record: JsonObject, around: Surroundings): Canonical;
  shop(record: JsonObject): Canonical;
}

// ---------------------------------------------------------------- forms

/** Text as it stands; null, missing and '' are all empty. */
const text = (value: unknown): Canonical =>
  value === undefined || value === null || value === '' ? undefined : String(value);

const flag = (value: unknown): Canonical =>
  value === undefined || value === null ? undefined : String(value === true);

const instant = (value: unknown): Canonical => {
  const given = text(value);
  if (given === undefined) return undefined;
  const ms = Date.parse(given);
  return Number.isNaN(ms) ? `no time: ${given}` : new Date(ms).toISOString();
};

/** A number, or text with a decimal point, without superfluous zeros. */
export const decimal = (value: unknown): Canonical => {
  const given = text(value);
  if (given === undefined) return undefined;
  const parts = /^(-?)0*(\d+)(?:\.(\d*?)0*)?$/.exec(given);
  if (!parts) return `no decimal: ${given}`;
  const [, sign = '', whole = '', fraction = ''] = parts;
  const number = fraction === '' ? whole : `${whole}.${fraction}`;
  return number === '0' ? number : `${sign}${number}`;
};

/** Digits of the smallest unit (ISO 4217), of the currencies that may occur here. */
const MINOR_DIGITS: Readonly<Record<string, number>> = { USD: 2, EUR: 2, GBP: 2, JPY: 0, KWD: 3 };

/**
 * An amount in the smallest unit of its currency (Keap: `CurrencyValue.amount`, an int64, 10000 beside "$100.00"), in
 * major units. Digits are moved as text: no floating point.
 */
export function majorUnits(amount: unknown, currency: unknown): Canonical {
  if (amount === undefined || amount === null) return undefined;
  const digits = MINOR_DIGITS[String(currency)];
  if (digits === undefined) return `${String(amount)} of the currency ${String(currency)}`;
  if (!/^-?\d+$/.test(String(amount))) return `no whole number of the smallest unit: ${String(amount)}`;
  const sign = String(amount).startsWith('-') ? '-' : '';
  const padded = String(amount)
    .replace('-', '')
    .padStart(digits + 1, '0');
  const whole = padded.slice(0, padded.length - digits);
  return decimal(`${sign}${whole}${digits === 0 ? '' : `.${padded.slice(-digits)}`}`);
}

/** What people see of a price in Keap: "$1,250.00". The demo's account is American. */
const shownAmount = (formatted: unknown): Canonical => decimal(text(formatted)?.replace(/[^\d.-]/g, ''));

/** Keap keeps a phone number as it was typed, the shop keeps digits and `+`. */
const digits = (value: unknown): Canonical => text(text(value)?.replace(/[^\d+]/g, ''));

/** ISO 3166-1 alpha-3 (Keap) as alpha-2 (the shop). */
const alpha2 = (value: unknown): Canonical => {
  const given = text(value);
  return given && (countries.alpha3ToAlpha2(given) ?? `no country: ${given}`);
};

const emailOf = (contact: JsonObject): unknown =>
  (contact.email_addresses as { email?: string; field?: string }[] | undefined)?.find(({ field }) => field === 'EMAIL1')
    ?.email;

/** Keap's stages by the name that this account gives them, as statuses of the shop. */
const STATUS_OF_STAGE: Readonly<Record<string, string>> = {
  'New Opportunity': 'pending',
  Qualifying: 'processing',
  'On Hold': 'on-hold',
  Won: 'completed',
  Lost: 'cancelled',
};

const same = (property: string, inShop: string, form: (value: unknown) => Canonical = text): Rule => ({
  property,
  keap: (record) => form(valueAt(record, property)),
  shop: (record) => form(valueAt(record, inShop)),
});

// ---------------------------------------------------------------- the rules

export const RULES: Readonly<Record<MappingName, readonly Rule[]>> = {
  'company-customer': [
    same('company_name', 'company'),
    same('email_address.email', 'email'),
    same('phone_number.number', 'phone', digits),
    same('website', 'website'),
    same('address.line1', 'billing.address_1'),
    same('address.line2', 'billing.address_2'),
    same('address.locality', 'billing.city'),
    same('address.region_code', 'billing.state'),
    {
      // v1 describes zip_code as what American addresses have instead of postal_code; v2 has both.
      property: 'address.postal_code',
      keap: (company) => text(valueAt(company, 'address.postal_code')) ?? text(valueAt(company, 'address.zip_code')),
      shop: (customer) => text(valueAt(customer, 'billing.postcode')),
    },
    {
      property: 'address.country_code',
      keap: (company) => alpha2(valueAt(company, 'address.country_code')),
      shop: (customer) => text(valueAt(customer, 'billing.country')),
    },
    same('notes', 'note'),
  ],
  'contact-customer': [
    {
      property: "email_addresses[field='EMAIL1'].email",
      keap: (contact) => text(emailOf(contact)),
      shop: (customer) => text(customer.email),
    },
    same('given_name', 'first_name'),
    same('family_name', 'last_name'),
  ],
  'product-product': [
    same('sku', 'sku'),
    same('name', 'name'),
    same('description', 'description'),
    same('short_description', 'short_description'),
    {
      property: 'price.amount',
      keap: (product) => majorUnits(valueAt(product, 'price.amount'), valueAt(product, 'price.currency_code')),
      shop: (product) => decimal(product.price),
    },
    {
      property: 'price.formatted_amount',
      keap: (product) => shownAmount(valueAt(product, 'price.formatted_amount')),
      shop: (product) => decimal(product.price),
    },
    same('active', 'active', flag),
    same('taxable', 'taxable', flag),
    same('shippable', 'requires_shipping', flag),
    same('weight', 'weight', decimal),
  ],
  'opportunity-order': [
    same('opportunity_title', 'title'),
    {
      // The contact's own customer; a contact without one orders as its company.
      property: 'contact.id',
      keap: (opportunity, around) => {
        const id = text(valueAt(opportunity, 'contact.id'));
        if (id === undefined) return undefined;
        const own = around.customerOfContact(id);
        if (own !== undefined) return own;
        const company = text(valueAt(around.contact(id), 'company.id'));
        return (company && around.customerOfCompany(company)) ?? `no customer of contact ${id}`;
      },
      shop: (order) => text(order.customer_id),
    },
    {
      property: 'stage.name',
      keap: (opportunity) => {
        const name = text(valueAt(opportunity, 'stage.name'));
        return name && (STATUS_OF_STAGE[name] ?? `no status of stage ${name}`);
      },
      shop: (order) => text(order.status),
    },
    same('projected_revenue_high', 'total', decimal),
    same('estimated_close_time', 'due_at', instant),
    same('next_action_notes', 'next_step'),
    same('opportunity_notes', 'note'),
  ],
};

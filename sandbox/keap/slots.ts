// Postal addresses, e-mail addresses, phone and fax numbers. Each is in a slot of its record (EMAIL1, BILLING, ...), and
// the slot decides how long it may be. A company has one of each, a contact has lists.

import countries from 'i18n-iso-countries';
import { isObject, type JsonObject } from '../kit/json.ts';
import type { Address, Email, Phone } from './data.ts';
import { boolean, computed, type Field, FieldError, list, object, oneOf, text } from './fields.ts';

interface Slots {
  /** The first is the one that is taken where none is named. */
  names: readonly [string, ...string[]];
  unspecified: string;
  fields: (slot: string) => Record<string, Field>;
  finish?: (value: JsonObject, name: string) => JsonObject;
}

function itemIn(slots: Slots, slot: string): Field {
  const field = oneOf([slots.unspecified, ...slots.names]);
  // Without the slot itself there is nothing left to store: an item that says nothing is none.
  const content = object({ ...slots.fields(slot), field: computed(field) }, slots.finish);
  return (value, name) => {
    const stored = content(value, name);
    return isObject(stored) ? { ...stored, field: slot } : undefined;
  };
}

function slotOf(slots: Slots, value: unknown): string | undefined {
  const slot = isObject(value) ? value.field : undefined;
  return typeof slot === 'string' && slots.names.includes(slot) ? slot : undefined;
}

/** The one of a company. */
function one(slots: Slots): Field {
  return (value, name) => itemIn(slots, slotOf(slots, value) ?? slots.names[0])(value, name);
}

/** Those of a contact: each slot once; an item without a slot gets the first free one. */
function many(slots: Slots): Field {
  return (value, name) => {
    if (!Array.isArray(value)) throw new FieldError(`${name} must be a list.`);
    const taken = new Set<string>();
    for (const item of value) {
      const slot = slotOf(slots, item);
      if (slot !== undefined && taken.has(slot)) throw new FieldError(`${name} names ${slot} twice.`);
      if (slot !== undefined) taken.add(slot);
    }
    return list((item, itemName) => {
      const slot = slotOf(slots, item) ?? slots.names.find((free) => !taken.has(free));
      if (slot === undefined) throw new FieldError(`${name} has room for ${slots.names.length} items.`);
      taken.add(slot);
      return itemIn(slots, slot)(item, itemName);
    })(value, name);
  };
}

const addressSlots: Slots = {
  names: ['BILLING', 'SHIPPING', 'OTHER'],
  unspecified: 'ADDRESS_FIELD_UNSPECIFIED',
  fields: (slot) => ({
    line1: text(slot === 'BILLING' ? 75 : 100),
    line2: text(slot === 'BILLING' ? 75 : 100),
    locality: text(slot === 'BILLING' ? 50 : 100),
    // Deprecated: the codes are to be sent instead, and the long names are answered from them.
    region: text(50),
    country: text(100),
    region_code: text(),
    country_code: (value, name) => {
      if (typeof value !== 'string' || !/^[A-Z]{3}$/.test(value))
        throw new FieldError(`${name} must be a country code of three letters (ISO 3166-1 alpha-3).`);
      return value;
    },
    postal_code: text(slot === 'SHIPPING' ? 20 : 15),
    zip_code: text(slot === 'SHIPPING' ? 20 : 15),
    zip_four: text(10),
  }),
  finish: finishAddress,
};

/** The address as it is stored: without the deprecated names, and with one postal code. */
function finishAddress({ region, country, zip_code, ...address }: JsonObject, name: string): JsonObject {
  const { region_code, country_code, postal_code } = address;
  if (typeof region_code === 'string' && region_code !== '' && !/^[A-Z]{2}-[A-Z0-9]{1,3}$/.test(region_code))
    throw new FieldError(`${name}.region_code must be a code of ISO 3166-2, such as US-AZ.`);
  if ((region || region_code) && !country_code)
    throw new FieldError(`${name}.country_code is required where a region is given.`);
  // The description of v1 says of zip_code that it is used instead of postal_code in the United States; that of v2 has
  // both without a word. So the ZIP code wins there: a stale one that is sent back undoes an edit of the postal code.
  const postal = country_code === 'USA' ? (zip_code ?? postal_code) : (postal_code ?? zip_code);
  return postal === undefined ? address : { ...address, postal_code: postal };
}

export function readAddress(address: Address): JsonObject {
  const { country_code, postal_code } = address;
  const country = country_code && countries.getName(countries.alpha3ToAlpha2(country_code) ?? '', 'en');
  return {
    field: addressSlots.names[0],
    ...address,
    ...(country && { country }),
    ...(country_code === 'USA' && postal_code !== undefined && { zip_code: postal_code }),
  };
}

const optStatuses = [
  'UNENGAGED_MARKETABLE',
  'SINGLE_OPT_IN',
  'DOUBLE_OPT_IN',
  'CONFIRMED',
  'UNENGAGED_NON_MARKETABLE',
  'NON_MARKETABLE',
  'LOCKDOWN',
  'BOUNCE',
  'HARD_BOUNCE',
  'MANUAL',
  'ADMIN',
  'SYSTEM',
  'LIST_UNSUBSCRIBE',
  'FEEDBACK',
  'SPAM',
  'INVALID',
  'DEACTIVATED',
];

const emailSlots: Slots = {
  names: ['EMAIL1', 'EMAIL2', 'EMAIL3'],
  unspecified: 'EMAIL_FIELD_UNSPECIFIED',
  fields: (slot) => ({ email: text(slot === 'EMAIL1' ? 75 : 100), opt_in_reason: text() }),
};

/** A company's e-mail address takes the opt-in too; the status is Keap's own to decide. */
const companyEmailSlots: Slots = {
  ...emailSlots,
  fields: (slot) => ({
    ...emailSlots.fields(slot),
    is_opt_in: boolean,
    email_opt_status: computed(oneOf(optStatuses)),
  }),
};

export function readEmail(email: Email): JsonObject {
  const is_opt_in = email.is_opt_in ?? email.opt_in_reason !== undefined;
  return {
    field: emailSlots.names[0],
    ...email,
    is_opt_in,
    email_opt_status: is_opt_in ? 'SINGLE_OPT_IN' : 'UNENGAGED_NON_MARKETABLE',
  };
}

export const phoneSlots: Slots = {
  names: ['PHONE1', 'PHONE2', 'PHONE3', 'PHONE4', 'PHONE5'],
  unspecified: 'PHONE_NUMBER_FIELD_UNSPECIFIED',
  fields: (slot) => ({
    number: text(slot === 'PHONE4' || slot === 'PHONE5' ? 20 : 40),
    extension: text(),
    type: text(),
    number_e164: computed(text()),
  }),
};

/** Numbers that start with + are also given in E.164. */
export function readPhone(phone: Phone): JsonObject {
  const number = phone.number ?? '';
  return {
    field: phoneSlots.names[0],
    ...phone,
    ...(number.trim().startsWith('+') && { number_e164: `+${number.replace(/\D/g, '')}` }),
  };
}

const faxSlots: Slots = {
  names: ['FAX1', 'FAX2'],
  unspecified: 'FAX_NUMBER_FIELD_UNSPECIFIED',
  fields: () => ({ number: text(), type: text() }),
};

export function readFax(fax: Phone): JsonObject {
  return { field: faxSlots.names[0], ...fax };
}

export const address = one(addressSlots);
export const addresses = many(addressSlots);
export const companyEmail = one(companyEmailSlots);
export const emails = many(emailSlots);
export const phone = one(phoneSlots);
export const phones = many(phoneSlots);
export const fax = one(faxSlots);
export const faxes = many(faxSlots);

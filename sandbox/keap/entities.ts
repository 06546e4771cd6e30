// What Keap's four entities have of their own: which fields may be written, what is required,
// how records can be found and sorted, and how a record looks when read.

import type { JsonObject } from '../kit/json.ts';
import type { Company, Contact, Opportunity, Phone, Product } from './data.ts';
import * as fields from './fields.ts';
import { type Field, FieldError, text } from './fields.ts';
import type { KeapEntity, KeapStore } from './store.ts';

export type StoredRecord = Company | Contact | Opportunity | Product;

export interface Entity {
  plural: KeapEntity;
  /** As in hooks and in error messages. */
  singular: string;
  writable: Record<string, Field>;
  required: readonly string[];
  /** Fields that a read leaves out unless `fields` names them. */
  optIn: readonly string[];
  modified: 'update_time' | 'last_updated_time';
  /** What `order_by` may name, and the stored field that it stands for. */
  order: Record<string, string>;
  filters: Record<string, (record: StoredRecord, value: string) => boolean>;
  /** Throws FieldError where the record as a whole cannot stand. */
  check: (record: JsonObject, store: KeapStore) => void;
  read: (record: StoredRecord, store: KeapStore) => JsonObject;
  /** How the last page says that it is the last: both ways occur. */
  end: 'absent' | 'empty';
}

const same = (stored: string | undefined, value: string) => stored?.toLowerCase() === value.toLowerCase();
const startsWith = (stored: string | undefined, value: string) =>
  stored?.toLowerCase().startsWith(value.toLowerCase()) === true;
const oneOf = (id: string, value: string) => value.split(',').some((wanted) => wanted.trim() === id);

function since(time: string, value: string): boolean {
  const start = Date.parse(value);
  if (Number.isNaN(start)) throw new FieldError('since_time must be a date and time of ISO 8601.');
  return Date.parse(time) >= start;
}

/** Typed filters of one entity, seen as filters of any record: the route only ever asks its own. */
function filters<R extends StoredRecord>(
  own: Record<string, (record: R, value: string) => boolean>,
): Entity['filters'] {
  return own as unknown as Entity['filters'];
}

function reader<R extends StoredRecord>(own: (record: R, store: KeapStore) => JsonObject): Entity['read'] {
  return own as unknown as Entity['read'];
}

/** Numbers that start with + are also given in E.164. */
function readPhone(phone: Phone): JsonObject {
  const number = phone.number ?? '';
  return number.trim().startsWith('+') ? { ...phone, number_e164: `+${number.replace(/\D/g, '')}` } : { ...phone };
}

export const companies: Entity = {
  plural: 'companies',
  singular: 'company',
  writable: {
    company_name: text(255),
    website: text(2_000),
    notes: text(),
    address: fields.address,
    email_address: fields.email,
    phone_number: fields.phone,
    fax_number: fields.phone,
    custom_fields: fields.customFields,
  },
  required: [],
  optIn: ['notes', 'custom_fields', 'update_time'],
  modified: 'update_time',
  order: {
    id: 'id',
    create_time: 'create_time',
    update_time: 'update_time',
    company_name: 'company_name',
    name: 'company_name',
  },
  filters: filters<Company>({
    since_time: (company, value) => since(company.update_time, value),
    company_name: (company, value) => same(company.company_name, value),
    email: (company, value) => same(company.email_address?.email, value),
    company_id: (company, value) => company.id === value,
  }),
  check: () => {},
  read: reader<Company>((company) => ({
    ...company,
    ...(company.email_address && { email_address: { field: 'EMAIL1', ...company.email_address } }),
    ...(company.phone_number && { phone_number: readPhone(company.phone_number) }),
    ...(company.fax_number && { fax_number: readPhone(company.fax_number) }),
  })),
  end: 'absent',
};

export const contacts: Entity = {
  plural: 'contacts',
  singular: 'contact',
  writable: {
    given_name: text(255),
    family_name: text(255),
    middle_name: text(255),
    job_title: text(255),
    website: text(2_000),
    notes: text(),
    email_addresses: fields.slots('EMAIL', fields.email),
    phone_numbers: fields.slots('PHONE', fields.phone),
    addresses: fields.list(fields.contactAddress),
    company: fields.object({ id: fields.recordId }),
    custom_fields: fields.customFields,
  },
  required: [],
  optIn: ['notes', 'custom_fields'],
  modified: 'update_time',
  order: {
    id: 'id',
    create_time: 'create_time',
    update_time: 'update_time',
    given_name: 'given_name',
    family_name: 'family_name',
  },
  filters: filters<Contact>({
    start_update_time: (contact, value) => since(contact.update_time, value),
    email: (contact, value) => (contact.email_addresses ?? []).some((address) => same(address.email, value)),
    given_name: (contact, value) => same(contact.given_name, value),
    family_name: (contact, value) => same(contact.family_name, value),
    company_id: (contact, value) => contact.company?.id === value,
  }),
  check: (record, store) => {
    const contact = record as unknown as Contact;
    const reachable = contact.email_addresses?.some((e) => e.email) || contact.phone_numbers?.some((p) => p.number);
    if (!reachable && !contact.given_name && !contact.family_name)
      throw new FieldError('A contact needs at least an e-mail address, a phone number or a name.');
    if (contact.company && !store.companies.has(contact.company.id))
      throw new FieldError(`company.id: there is no company ${contact.company.id}.`);
  },
  read: reader<Contact>((contact, store) => {
    const company = contact.company && store.companies.get(contact.company.id);
    return {
      ...contact,
      ...(contact.phone_numbers && { phone_numbers: contact.phone_numbers.map(readPhone) }),
      ...(contact.company && {
        company: { id: contact.company.id, ...(company?.company_name && { company_name: company.company_name }) },
      }),
    };
  }),
  end: 'absent',
};

export const opportunities: Entity = {
  plural: 'opportunities',
  singular: 'opportunity',
  writable: {
    opportunity_title: text(255),
    contact_id: fields.recordId,
    stage_id: fields.recordId,
    user_id: fields.recordId,
    estimated_close_time: fields.time,
    next_action_time: fields.time,
    next_action_notes: text(),
    opportunity_notes: text(),
    projected_revenue_low: fields.number,
    projected_revenue_high: fields.number,
    include_in_forecast: fields.boolean,
    custom_fields: fields.customFields,
  },
  required: ['opportunity_title', 'contact_id', 'stage_id'],
  optIn: ['custom_fields'],
  modified: 'last_updated_time',
  order: {
    id: 'id',
    created_time: 'created_time',
    update_time: 'last_updated_time',
    last_updated_time: 'last_updated_time',
    opportunity_title: 'opportunity_title',
  },
  filters: filters<Opportunity>({
    opportunity_title: (opportunity, value) => startsWith(opportunity.opportunity_title, value),
    stage_id: (opportunity, value) => opportunity.stage_id === value,
    contact_id: (opportunity, value) => opportunity.contact_id === value,
    ids: (opportunity, value) => oneOf(opportunity.id, value),
  }),
  check: (record, store) => {
    const { contact_id, stage_id } = record;
    if (!store.contacts.has(String(contact_id))) throw new FieldError(`contact_id: there is no contact ${contact_id}.`);
    if (!store.stages.has(String(stage_id))) throw new FieldError(`stage_id: there is no stage ${stage_id}.`);
  },
  read: reader<Opportunity>(({ contact_id, stage_id, user_id, ...rest }, store) => {
    const contact = store.contacts.get(contact_id);
    const stage = store.stages.get(stage_id);
    return {
      ...rest,
      contact: {
        id: contact_id,
        ...(contact?.given_name && { given_name: contact.given_name }),
        ...(contact?.family_name && { family_name: contact.family_name }),
        ...(contact?.email_addresses?.[0]?.email && { email: contact.email_addresses[0].email }),
      },
      stage: { id: stage_id, ...(stage && { name: stage.name }) },
      ...(user_id !== undefined && { user: { id: user_id } }),
    };
  }),
  end: 'empty',
};

/** As an American account shows it: the amount is in the smallest unit of the currency. */
function formatted(amount: number, currency: string): string {
  const format = new Intl.NumberFormat('en-US', { style: 'currency', currency });
  return format.format(amount / 10 ** (format.resolvedOptions().maximumFractionDigits ?? 2));
}

export const products: Entity = {
  plural: 'products',
  singular: 'product',
  writable: {
    name: text(255),
    price: fields.minorUnits,
    short_description: text(),
    sku: text(64),
    description: text(),
    active: fields.boolean,
    taxable: fields.boolean,
    shippable: fields.boolean,
    storefront_hidden: fields.boolean,
    subscription_only: fields.boolean,
    weight: fields.positive,
  },
  required: ['name', 'price', 'short_description'],
  optIn: [],
  modified: 'update_time',
  order: {
    id: 'id',
    create_time: 'create_time',
    update_time: 'update_time',
    last_updated_time: 'update_time',
    name: 'name',
    sku: 'sku',
  },
  filters: filters<Product>({
    sku: (product, value) => product.sku === value,
    name: (product, value) => startsWith(product.name, value),
  }),
  check: () => {},
  read: reader<Product>((product, { currency }) => ({
    active: true,
    taxable: false,
    shippable: false,
    storefront_hidden: false,
    subscription_only: false,
    ...product,
    price: {
      amount: product.price,
      currency_code: currency,
      formatted_amount: formatted(product.price, currency),
    },
  })),
  end: 'empty',
};

export const entities: readonly Entity[] = [companies, contacts, opportunities, products];

import { isObject, type JsonObject } from '../kit/json.ts';
import { checkCustomFields, customFields } from './custom-fields.ts';
import type { Address, Contact } from './data.ts';
import { both, entity } from './entity.ts';
import { type Field, FieldError, list, notImplemented, object, oneOf, recordId, text } from './fields.ts';
import { absent, compared, equalsOnly, exact, type Filter, idList, timed, wildcard } from './filter.ts';
import { addresses, emails, faxes, phoneSlots, phones, readAddress, readEmail, readFax, readPhone } from './slots.ts';
import type { KeapStore } from './store.ts';

const writable: Record<string, Field> = {
  given_name: text(40),
  family_name: text(40),
  middle_name: text(100),
  preferred_name: text(100),
  spouse_name: text(100),
  job_title: text(255),
  website: text(100),
  billing_information: text(100),
  assistant_name: text(20),
  assistant_phone: text(15),
  ...Object.fromEntries(
    [
      'prefix',
      'suffix',
      'anniversary_date',
      'birth_date',
      'contact_type',
      'leadsource_id',
      'owner_id',
      'preferred_locale',
      'referral_code',
      'time_zone',
    ].map((name) => [name, text()]),
  ),
  email_addresses: emails,
  phone_numbers: phones,
  fax_numbers: faxes,
  addresses,
  company: object({ id: recordId, company_name: text() }),
  custom_fields: customFields,
  source_type: oneOf([
    'SOURCE_TYPE_UNSPECIFIED',
    'API',
    'APPOINTMENT',
    'FORM_API_HOSTED',
    'FORM_API_INTERNAL',
    'IMPORT',
    'INTERNAL_FORM',
    'LANDING_PAGE',
    'MANUAL',
    'OTHER',
    'UNKNOWN',
    'WEBFORM',
  ]),
  social_accounts: list(
    object(
      {
        name: text(255),
        type: oneOf([
          'SOCIAL_ACCOUNT_TYPE_UNSPECIFIED',
          'FACEBOOK',
          'LINKED_IN',
          'TWITTER',
          'INSTAGRAM',
          'SNAPCHAT',
          'YOUTUBE',
          'PINTEREST',
        ]),
      },
      (account, name) => {
        if (account.type === undefined) throw new FieldError(`${name}.type is required.`);
        return account;
      },
    ),
  ),
  origin: notImplemented,
  utm_parameters: notImplemented,
};

/** In `fields` and in `update_mask`, and in no body. `notes` is in no answer either. */
const readOnly = [
  'id',
  'create_time',
  'update_time',
  'links',
  'notes',
  'score_value',
  'tag_ids',
  'account_id',
  'created_by',
  'groups',
  'last_updated_by',
];
const properties = [...Object.keys(writable), ...readOnly];

/** What comes without `fields` is not described: here no more than who it is and how to reach them. */
const byDefault = [
  'given_name',
  'family_name',
  'middle_name',
  'email_addresses',
  'phone_numbers',
  'addresses',
  'company',
];

const addressFilters = Object.fromEntries(
  ['billing', 'shipping', 'other'].flatMap((kind) => {
    const of = (name: keyof Address) => (contact: Contact) =>
      contact.addresses?.find((address) => (address.field ?? 'BILLING') === kind.toUpperCase())?.[name];
    return [
      ...(['line1', 'locality', 'postal_code', 'country_code'] as const).map((name): [string, Filter<Contact>] => [
        `${kind}_address_${name}`,
        exact(of(name)),
      ]),
      // By its long name, which the stand-in does not have.
      [`${kind}_address_region`, absent as Filter<Contact>] as const,
    ];
  }),
);

/** Searches the phone fields that another clause of the filter names. */
const byPhone: Filter<Contact> = (clause, store, clauses) => {
  const searched = clauses.find(({ name }) => name === 'phone_fields')?.value.split(',');
  if (!searched) throw new FieldError('filter phone_number requires phone_fields.');
  const numbers = (contact: Contact) =>
    (contact.phone_numbers ?? [])
      .filter(({ field }) => searched.includes(field ?? 'PHONE1'))
      .map(({ number }) => number);
  return exact(numbers)(clause, store, clauses);
};

const phoneFields: Filter<Contact> = (clause) => {
  equalsOnly(clause);
  for (const field of clause.value.split(',')) oneOf(phoneSlots.names)(field, 'filter phone_fields');
  return () => true;
};

const email1 = (contact: Contact) =>
  contact.email_addresses?.find(({ field }) => (field ?? 'EMAIL1') === 'EMAIL1')?.email;

export const contacts = entity<Contact>({
  plural: 'contacts',
  singular: 'contact',
  writable: both(writable),
  mask: properties,
  required: [],
  fields: { list: properties, read: properties, create: properties, update: properties },
  // Every property can be named, so an answer holds those that are, and no other.
  shows: (name, _operation, asked) => name === 'id' || (asked ? asked.has(name) : byDefault.includes(name)),
  order: {
    id: (contact) => Number(contact.id),
    create_time: (contact) => contact.create_time,
    update_time: (contact) => contact.update_time,
    email: email1,
  },
  filters: {
    email: wildcard((contact) => contact.email_addresses?.map((address) => address.email)),
    given_name: wildcard((contact) => contact.given_name),
    family_name: wildcard((contact) => contact.family_name),
    middle_name: wildcard((contact) => contact.middle_name),
    website: wildcard((contact) => contact.website),
    company_id: exact((contact) => contact.company?.id),
    contact_id: compared((contact) => contact.id),
    contact_ids: idList(),
    ids: idList(),
    start_update_time: timed((contact) => contact.update_time, '>='),
    end_update_time: timed((contact) => contact.update_time, '<='),
    phone_number: byPhone,
    phone_fields: phoneFields,
    ...addressFilters,
    city: wildcard((contact) => contact.addresses?.[0]?.locality),
    state: absent,
    lead_source_name: absent,
  },
  check: (record, store, operation) => {
    const contact = record as unknown as Contact;
    if (operation === 'create' && !contact.email_addresses && !contact.phone_numbers && !contact.addresses)
      throw new FieldError('A contact needs at least one item in email_addresses, phone_numbers or addresses.');
    if (contact.company && !store.companies.has(contact.company.id))
      throw new FieldError(`company.id: there is no company ${contact.company.id}.`);
    checkCustomFields('contacts', contact.custom_fields, store);
  },
  read: (contact, store): JsonObject => {
    const company = contact.company && store.companies.get(contact.company.id);
    return {
      ...contact,
      ...(contact.email_addresses && { email_addresses: contact.email_addresses.map(readEmail) }),
      ...(contact.phone_numbers && { phone_numbers: contact.phone_numbers.map(readPhone) }),
      ...(contact.fax_numbers && { fax_numbers: contact.fax_numbers.map(readFax) }),
      ...(contact.addresses && { addresses: contact.addresses.map(readAddress) }),
      ...(contact.company && {
        company: { id: contact.company.id, ...(company?.company_name && { company_name: company.company_name }) },
      }),
    };
  },
  end: 'absent',
  next: 'address',
});

export const duplicateOptions = ['Email', 'EmailAndName', 'EmailAndNameAndCompany'];

/** The contact that a create with `duplicate_option` updates instead: equal in all that the option names. */
export function duplicateOf(body: unknown, option: string, store: KeapStore): Contact | undefined {
  if (!isObject(body)) return undefined;
  const low = (value: unknown) => (typeof value === 'string' ? value.toLowerCase() : '');
  const first: unknown = Array.isArray(body.email_addresses) ? body.email_addresses[0] : undefined;
  const email = isObject(first) ? low(first.email) : '';
  if (email === '') return undefined;
  const company = isObject(body.company) ? body.company.id : undefined;
  return store.contacts.find(
    (contact) =>
      low(email1(contact)) === email &&
      (option === 'Email' ||
        (low(contact.given_name) === low(body.given_name) && low(contact.family_name) === low(body.family_name))) &&
      (option !== 'EmailAndNameAndCompany' || contact.company?.id === company),
  );
}

import type { JsonObject } from '../kit/json.ts';
import { checkCustomFields, customFields } from './custom-fields.ts';
import type { Company } from './data.ts';
import { both, entity } from './entity.ts';
import { type Field, text } from './fields.ts';
import { absent, compared, exact, timed, wildcard } from './filter.ts';
import { address, companyEmail, fax, phone, readAddress, readEmail, readFax, readPhone } from './slots.ts';

/** Texts for which no length is described. */
const texts = [
  'company_name',
  'website',
  'notes',
  'suffix',
  'title',
  'anniversary_date',
  'assistant_name',
  'assistant_phone',
  'billing_information',
  'birth_date',
  'contact_type',
  'first_name',
  'job_title',
  'last_name',
  'middle_name',
  'preferred_name',
  'owner_id',
  'referral_code',
  'spouse_name',
];

const writable: Record<string, Field> = {
  ...Object.fromEntries(texts.map((name) => [name, text()])),
  address,
  email_address: companyEmail,
  phone_number: phone,
  fax_number: fax,
  custom_fields: customFields,
};

const readOnly = ['id', 'create_time', 'update_time', 'account_id', 'created_by', 'groups', 'last_updated_by'];
const properties = [...Object.keys(writable), ...readOnly];

const optionalInLists = [
  'notes',
  'fax_number',
  'address',
  'email_address',
  'phone_number',
  'update_time',
  'create_time',
  'custom_fields',
];
const optional = ['address', 'custom_fields', 'email_address', 'fax_number', 'phone_number', 'website', 'notes'];
/** Nothing says that a company read by its id states its times, and `fields` does not offer them there. */
const inListsOnly = ['create_time', 'update_time'];

export const companies = entity<Company>({
  plural: 'companies',
  singular: 'company',
  writable: both(writable),
  mask: properties,
  required: [],
  // Creates and updates take no `fields`.
  fields: { list: properties, read: optional },
  shows: (name, operation, asked) =>
    operation === 'list'
      ? !optionalInLists.includes(name) || asked?.has(name) === true
      : !inListsOnly.includes(name) && (!optional.includes(name) || asked?.has(name) === true),
  order: {
    id: (company) => Number(company.id),
    create_time: (company) => company.create_time,
    name: (company) => company.company_name,
    email: (company) => company.email_address?.email,
  },
  filters: {
    company_name: exact((company) => company.company_name),
    name: wildcard((company) => company.company_name),
    email: exact((company) => company.email_address?.email),
    city: wildcard((company) => company.address?.locality),
    state: absent,
    since_time: timed((company) => company.update_time, '>='),
    until_time: timed((company) => company.update_time, '<='),
    company_id: compared((company) => company.id),
  },
  check: (record, store) => checkCustomFields('companies', (record as Company).custom_fields, store),
  read: (company): JsonObject => ({
    ...company,
    ...(company.address && { address: readAddress(company.address) }),
    ...(company.email_address && { email_address: readEmail(company.email_address) }),
    ...(company.phone_number && { phone_number: readPhone(company.phone_number) }),
    ...(company.fax_number && { fax_number: readFax(company.fax_number) }),
  }),
  end: 'absent',
  next: 'token',
});

// Keap contacts: the persons behind opportunities. Some are customers of the shop, some work for one, some neither.

import type { Company, Contact } from '../keap/data.ts';
import type { Firms } from './companies.ts';
import type { ExpectedMapping } from './expected.ts';
import { times, type Workshop } from './workshop.ts';

export interface People {
  /** Have a customer of their own. */
  ofCustomer: Contact[];
  /** Have none, but work for a company that has or gets one. */
  ofCompany: Contact[];
  /** Neither: what refers to them waits. */
  stuck: Contact[];
}

/** One kind of person after the other. All draw from the same random numbers, so their order is part of the data. */
export function makePeople(shop: Workshop, firms: Firms): People {
  const people: People = { ofCustomer: [], ofCompany: [], stuck: [] };
  addOfCustomers(shop, firms, people);
  addOfCompanies(shop, firms, people);
  addStuck(shop, firms, people);
  countContacts(shop, firms);
  return people;
}

const mappingOf = ({ expected }: Workshop): ExpectedMapping => expected.mappings['contact-customer'];

/** Companies that only Keap has, with an e-mail address: their customers are made by the sync. */
const comingCustomers = ({ keapOnly }: Firms): Company[] => keapOnly.filter((company) => company.email_address?.email);

function addOfCustomers(shop: Workshop, firms: Firms, people: People): void {
  const { counts } = shop;
  const mapping = mappingOf(shop);
  // The persons of the shop whom Keap knows as well, some with another spelling of their address.
  times(counts.personContacts, (i) => {
    const customer = firms.persons[i];
    if (!customer?.email) throw new Error('More contacts than persons.');
    const email = i % 5 === 3 ? customer.email.toUpperCase() : customer.email;
    people.ofCustomer.push(addContact(shop, email, undefined, customer.first_name, customer.last_name));
    mapping.matched++;
  });

  // One person per company, who orders under the company's own address.
  times(counts.customerContacts, (i) => {
    const pair = firms.paired[i];
    if (!pair?.customer.email) throw new Error('More contacts than companies.');
    // The shop has no name of a person here: Keap's fills it.
    people.ofCustomer.push(addContact(shop, pair.customer.email, pair.company));
    mapping.matched++;
  });
}

function addOfCompanies(shop: Workshop, firms: Firms, people: People): void {
  const { counts } = shop;
  const mapping = mappingOf(shop);
  // People who work at a company that is in both systems; some of them have no e-mail address.
  times(counts.staff, (i) => {
    const company = firms.paired[i % firms.paired.length]?.company;
    people.ofCompany.push(addContact(shop, personal(shop), company));
    mapping.unmatched.keap++;
  });
  times(counts.withoutMail, (i) => {
    people.ofCompany.push(addContact(shop, undefined, firms.paired[i]?.company));
    mapping.notTakingPart.keap++;
  });

  // People at a company that only Keap has: its customer is made by the sync.
  const newFirms = comingCustomers(firms);
  times(counts.newStaff, (i) => {
    people.ofCompany.push(addContact(shop, personal(shop), newFirms[i % newFirms.length]));
    mapping.unmatched.keap++;
  });

  // They use their company's address, so that they match the customer that the sync makes for the company.
  times(counts.companyMail, (i) => {
    const company = newFirms.at(-1 - i);
    addContact(shop, company?.email_address?.email, company);
    mapping.matched++;
  });
}

/** Nobody knows whose customers they are. */
function addStuck(shop: Workshop, firms: Firms, people: People): void {
  const { counts } = shop;
  const mapping = mappingOf(shop);
  times(counts.loners, () => {
    people.stuck.push(addContact(shop, personal(shop)));
    mapping.unmatched.keap++;
  });
  times(counts.stuckStaff, (i) => {
    const company =
      i % 2 === 0 ? firms.ambiguousCompanies[i] : firms.failingCompanies[i % firms.failingCompanies.length];
    people.stuck.push(addContact(shop, personal(shop), company));
    mapping.unmatched.keap++;
  });
}

/**
 * At the end every customer with an e-mail address has a contact: those of the start, those that the sync makes
 * of companies with one, and those whose missing address the sync fills in.
 */
function countContacts(shop: Workshop, firms: Firms): void {
  const mapping = mappingOf(shop);
  const customers = shop.shop.customers;
  const filled = firms.paired.filter(
    ({ company, customer }) => customer.email === null && company.email_address?.email,
  );
  const withMail =
    customers.filter((customer) => customer.email !== null).length + comingCustomers(firms).length + filled.length;
  mapping.created.keap = withMail - mapping.matched;
  mapping.start = { keap: shop.keap.contacts.length, customwebshop: customers.length };
  const after = shop.expected.mappings['company-customer'].after.customwebshop;
  mapping.after = { keap: mapping.start.keap + mapping.created.keap, customwebshop: after };
  mapping.notTakingPart.customwebshop = after - withMail;
}

function personal(shop: Workshop): string {
  return shop.email(shop.faker.person.firstName().toLowerCase(), shop.faker.person.lastName());
}

function addContact(
  shop: Workshop,
  email: string | undefined,
  company?: Company,
  given?: string | null,
  family?: string | null,
): Contact {
  const { faker } = shop;
  const { created, updated } = shop.times();
  const id = String(shop.id('contacts', 3_001));
  const given_name = given ?? faker.person.firstName();
  const family_name = family ?? faker.person.lastName();
  const phone = shop.chance(0.5) ? `+1602${faker.string.numeric(7)}` : undefined;
  // Keap has no contact without any of an e-mail address, a phone number and an address.
  const number = phone ?? (email === undefined ? `+1602555${id}` : undefined);
  const contact: Contact = {
    id,
    given_name,
    family_name,
    ...(email !== undefined && { email_addresses: [{ email, field: 'EMAIL1' }] }),
    ...(number !== undefined && { phone_numbers: [{ number, field: 'PHONE1' }] }),
    ...(company && { company: { id: company.id } }),
    create_time: created,
    update_time: updated,
  };
  shop.keap.contacts.push(contact);
  return contact;
}

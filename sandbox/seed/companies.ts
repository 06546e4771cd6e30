// Keap companies and shop customers: matching, missing, ambiguous and broken ones.

import type { Company } from '../keap/data.ts';
import type { Customer } from '../shop/data.ts';
import type { ExpectedMapping } from './expected.ts';
import { addCompany, addCustomer, makeProfile, phoneIn } from './firm-records.ts';
import { namesInOtherScripts, naughty, notesInOtherScripts } from './texts.ts';
import { times, type Workshop } from './workshop.ts';

/** The groups that contacts, opportunities and orders build on. */
export interface Firms {
  /** On both sides, matched. */
  paired: { company: Company; customer: Customer }[];
  /** Only in Keap, will get a customer. */
  keapOnly: Company[];
  /** Only in the shop, will get a company. */
  shopOnly: Customer[];
  persons: Customer[];
  ambiguousCompanies: Company[];
  ambiguousCustomers: Customer[];
  failingCompanies: Company[];
}

/** One kind of firm after the other. All draw from the same random numbers, so their order is part of the data. */
export function makeFirms(shop: Workshop): Firms {
  const mapping = mappingOf(shop);
  const firms: Firms = {
    paired: [],
    keapOnly: [],
    shopOnly: [],
    persons: [],
    ambiguousCompanies: [],
    ambiguousCustomers: [],
    failingCompanies: [],
  };
  const otherScripts = [...namesInOtherScripts];
  addEqual(shop, firms, otherScripts);
  addDiffering(shop, firms);
  addIncomplete(shop, firms);
  addOneSided(shop, firms, otherScripts);
  addAmbiguous(shop, firms);
  addOutOfScope(shop, firms);
  addRefusedByShop(shop, firms);
  addRefusedByKeap(shop);
  mapping.start = { keap: shop.keap.companies.length, customwebshop: shop.shop.customers.length };
  mapping.after = {
    keap: mapping.start.keap + mapping.created.keap,
    customwebshop: mapping.start.customwebshop + mapping.created.customwebshop,
  };
  return firms;
}

const mappingOf = ({ expected }: Workshop): ExpectedMapping => expected.mappings['company-customer'];

function pair(shop: Workshop, firms: Firms, company: Company, customer: Customer): void {
  firms.paired.push({ company, customer });
  mappingOf(shop).matched++;
}

/** Equal on both sides. Some e-mail addresses differ in case only, which matching does not mind. */
function addEqual(shop: Workshop, firms: Firms, otherScripts: string[]): void {
  const { counts } = shop;
  times(counts.equal, (i) => {
    const profile = makeProfile(shop, i % 14 === 13 ? otherScripts.shift() : undefined);
    if (i % 9 === 4) profile.notes = shop.pick(notesInOtherScripts);
    const company = addCompany(shop, profile);
    // Not those that contacts are made for: three records would then share one address in two spellings.
    const shouted = i >= counts.customerContacts && i % 12 === 5 && profile.email !== null;
    const customer = addCustomer(shop, shouted ? { ...profile, email: profile.email?.toUpperCase() ?? null } : profile);
    pair(shop, firms, company, customer);
  });
}

/** Phone and notes differ: the later change wins, by turns on either side. */
function addDiffering(shop: Workshop, firms: Firms): void {
  const { counts, expected, faker } = shop;
  times(counts.differing, (i) => {
    const profile = makeProfile(shop);
    const [later, earlier] = shop.laterAndEarlier();
    const keapWins = i % 2 === 0;
    const other = { ...profile, phone: phoneIn(shop, profile.place), notes: `Shop: ${faker.lorem.sentence()}` };
    const mine = { ...profile, spokenPhone: profile.phone, notes: `Keap: ${faker.lorem.sentence()}` };
    const company = addCompany(shop, mine, keapWins ? later : earlier);
    const customer = addCustomer(shop, other, keapWins ? earlier : later);
    pair(shop, firms, company, customer);
    const both = { mapping: 'company-customer', keapId: company.id, shopId: String(customer.id) };
    const winner = keapWins ? 'keap' : 'customwebshop';
    expected.conflicts.push(
      { ...both, property: 'phone_number.number', keapValue: mine.phone ?? '', shopValue: other.phone, winner },
      { ...both, property: 'notes', keapValue: mine.notes, shopValue: other.notes, winner },
    );
  });
}

function addIncomplete(shop: Workshop, firms: Firms): void {
  const { counts, faker } = shop;
  // One side has gaps that the other fills.
  times(counts.filling, (i) => {
    const profile = makeProfile(shop);
    profile.notes ??= faker.lorem.sentence();
    if (i % 2 === 0) {
      const company = addCompany(shop, { ...profile, phone: null, spokenPhone: null, notes: null });
      delete company.address;
      pair(shop, firms, company, addCustomer(shop, profile));
    } else {
      const customer = addCustomer(shop, { ...profile, phone: null, website: null, notes: null });
      customer.billing = { ...customer.billing, address_1: null, city: null };
      pair(shop, firms, addCompany(shop, profile), customer);
    }
  });

  // One side has no e-mail address: only the name says that they are the same.
  times(counts.byName, (i) => {
    const profile = makeProfile(shop);
    const company = addCompany(shop, i % 2 === 0 ? { ...profile, email: null } : profile);
    pair(shop, firms, company, addCustomer(shop, i % 2 === 1 ? { ...profile, email: null } : profile));
  });
}

function addOneSided(shop: Workshop, firms: Firms, otherScripts: string[]): void {
  const { counts } = shop;
  const mapping = mappingOf(shop);
  // Only in Keap: each gets a customer. Naughty names first, then other scripts.
  times(counts.keapOnly, (i) => {
    const profile = makeProfile(shop, i < 8 ? naughty[i] : i % 13 === 12 ? otherScripts.shift() : undefined);
    if (i % 6 === 5) profile.email = null;
    firms.keapOnly.push(addCompany(shop, profile));
    mapping.created.customwebshop++;
  });

  // Only in the shop: each gets a company.
  times(counts.shopOnly, (i) => {
    const profile = makeProfile(shop, i % 16 === 15 ? otherScripts.shift() : undefined);
    if (i < 4) profile.notes = naughty[8 + i] ?? null;
    if (i % 6 === 5) profile.email = null;
    firms.shopOnly.push(addCustomer(shop, profile));
    mapping.created.keap++;
  });
}

function addAmbiguous(shop: Workshop, firms: Firms): void {
  const { counts } = shop;
  // Two companies of one e-mail address, one customer: nobody can tell which.
  times(counts.sameEmail, () => {
    const profile = makeProfile(shop);
    const companies = [addCompany(shop, profile), addCompany(shop, { ...makeProfile(shop), email: profile.email })];
    ambiguous(shop, firms, companies, [addCustomer(shop, { ...profile, name: shop.companyName() })]);
  });

  // Two customers of one name, no e-mail addresses, one company of that name.
  times(counts.sameName, () => {
    const profile = { ...makeProfile(shop), email: null };
    const company = addCompany(shop, profile);
    ambiguous(
      shop,
      firms,
      [company],
      [addCustomer(shop, profile), addCustomer(shop, { ...makeProfile(shop), name: profile.name, email: null })],
    );
  });
}

function ambiguous(shop: Workshop, firms: Firms, companies: Company[], customers: Customer[]): void {
  const mapping = mappingOf(shop);
  firms.ambiguousCompanies.push(...companies);
  firms.ambiguousCustomers.push(...customers);
  mapping.review.keap.push(...companies.map(({ id }) => id));
  mapping.review.customwebshop.push(...customers.map(({ id }) => String(id)));
  mapping.reviewGroups++;
}

function addOutOfScope(shop: Workshop, firms: Firms): void {
  const { counts, faker } = shop;
  const mapping = mappingOf(shop);
  // An address of a newsletter, without a name: `when` leaves it out.
  times(counts.nameless, () => {
    addCompany(shop, { ...makeProfile(shop), name: null });
    mapping.notTakingPart.keap++;
  });

  // Customers who are just people.
  times(counts.persons, () => {
    const firstName = faker.person.firstName();
    const lastName = faker.person.lastName();
    const person = {
      ...makeProfile(shop, ''),
      name: null,
      website: null,
      email: shop.email(firstName.toLowerCase(), lastName),
    };
    const customer = addCustomer(shop, person);
    customer.first_name = firstName;
    customer.last_name = lastName;
    firms.persons.push(customer);
    mapping.notTakingPart.customwebshop++;
  });
}

/** In Keap, but nothing that the shop takes. */
function addRefusedByShop(shop: Workshop, firms: Firms): void {
  const mapping = mappingOf(shop);
  times(shop.counts.badForShop, (i) => {
    const company = addCompany(shop, makeProfile(shop));
    const reasons: Record<number, string> = { 0: 'email', 1: 'billing.postcode', 2: 'billing.country' };
    if (i % 3 === 0) company.email_address = { email: `info(at)${company.id}.example`, field: 'EMAIL1' };
    if (i % 3 === 1) company.address = { ...company.address, postal_code: 'PO/BOX #12' };
    if (i % 3 === 2) company.address = { ...company.address, country_code: 'XXX' };
    firms.failingCompanies.push(company);
    mapping.failed.keap.push({ id: company.id, reason: reasons[i % 3] ?? '' });
  });
}

/** In the shop, but longer than Keap takes. Without an e-mail address, so that they get no contact either. */
function addRefusedByKeap(shop: Workshop): void {
  const { counts, faker } = shop;
  const mapping = mappingOf(shop);
  times(counts.badForKeap, (i) => {
    const customer = addCustomer(shop, { ...makeProfile(shop), email: null });
    if (i % 2 === 0)
      customer.billing.address_1 = `${faker.location.streetAddress()}, ${'third courtyard on the left, '.repeat(4)}door 5`;
    else customer.billing.city = 'Llanfairpwllgwyngyllgogerychwyrndrobwllllantysiliogogogoch';
    mapping.failed.customwebshop.push({
      id: String(customer.id),
      reason: i % 2 === 0 ? 'address.line1' : 'address.locality',
    });
  });
}

// Keap companies and shop customers: matching, missing, ambiguous and broken ones.

import type { Company } from '../keap/data.ts';
import type { Customer } from '../shop/data.ts';
import { namesInOtherScripts, naughty, notesInOtherScripts } from './texts.ts';
import { type Place, type Times, times, type Workshop } from './workshop.ts';

interface Profile {
  name: string | null;
  email: string | null;
  /** Digits with + in front where international. */
  phone: string | null;
  /** The same number the way a person writes it. */
  spokenPhone: string | null;
  website: string | null;
  line1: string;
  line2: string | null;
  place: Place;
  notes: string | null;
}

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

// Over 60 lines: one kind of firm after the other. All draw from the same random numbers, so their order is part of the data.
export function makeFirms(shop: Workshop): Firms {
  const { counts, expected, faker } = shop;
  const mapping = expected.mappings['company-customer'];
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

  function pair(company: Company, customer: Customer): void {
    firms.paired.push({ company, customer });
    mapping.matched++;
  }

  // Equal on both sides. Some e-mail addresses differ in case only, which matching does not mind.
  times(counts.equal, (i) => {
    const profile = makeProfile(shop, i % 14 === 13 ? otherScripts.shift() : undefined);
    if (i % 9 === 4) profile.notes = shop.pick(notesInOtherScripts);
    const company = addCompany(shop, profile);
    // Not those that contacts are made for: three records would then share one address in two spellings.
    const shouted = i >= counts.customerContacts && i % 12 === 5 && profile.email !== null;
    const customer = addCustomer(shop, shouted ? { ...profile, email: profile.email?.toUpperCase() ?? null } : profile);
    pair(company, customer);
  });

  // Phone and notes differ: the later change wins, by turns on either side.
  times(counts.differing, (i) => {
    const profile = makeProfile(shop);
    const [later, earlier] = shop.laterAndEarlier();
    const keapWins = i % 2 === 0;
    const other = { ...profile, phone: phoneIn(shop, profile.place), notes: `Shop: ${faker.lorem.sentence()}` };
    const mine = { ...profile, spokenPhone: profile.phone, notes: `Keap: ${faker.lorem.sentence()}` };
    const company = addCompany(shop, mine, keapWins ? later : earlier);
    const customer = addCustomer(shop, other, keapWins ? earlier : later);
    pair(company, customer);
    const both = { mapping: 'company-customer', keapId: company.id, shopId: String(customer.id) };
    const winner = keapWins ? 'keap' : 'customwebshop';
    expected.conflicts.push(
      { ...both, property: 'phone_number.number', keapValue: mine.phone ?? '', shopValue: other.phone, winner },
      { ...both, property: 'notes', keapValue: mine.notes, shopValue: other.notes, winner },
    );
  });

  // One side has gaps that the other fills.
  times(counts.filling, (i) => {
    const profile = makeProfile(shop);
    profile.notes ??= faker.lorem.sentence();
    if (i % 2 === 0) {
      const company = addCompany(shop, { ...profile, phone: null, spokenPhone: null, notes: null });
      delete company.address;
      pair(company, addCustomer(shop, profile));
    } else {
      const customer = addCustomer(shop, { ...profile, phone: null, website: null, notes: null });
      customer.billing = { ...customer.billing, address_1: null, city: null };
      pair(addCompany(shop, profile), customer);
    }
  });

  // One side has no e-mail address: only the name says that they are the same.
  times(counts.byName, (i) => {
    const profile = makeProfile(shop);
    const company = addCompany(shop, i % 2 === 0 ? { ...profile, email: null } : profile);
    pair(company, addCustomer(shop, i % 2 === 1 ? { ...profile, email: null } : profile));
  });

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

  // Two companies of one e-mail address, one customer: nobody can tell which.
  times(counts.sameEmail, () => {
    const profile = makeProfile(shop);
    const companies = [addCompany(shop, profile), addCompany(shop, { ...makeProfile(shop), email: profile.email })];
    ambiguous(companies, [addCustomer(shop, { ...profile, name: shop.companyName() })]);
  });

  // Two customers of one name, no e-mail addresses, one company of that name.
  times(counts.sameName, () => {
    const profile = { ...makeProfile(shop), email: null };
    const company = addCompany(shop, profile);
    ambiguous(
      [company],
      [addCustomer(shop, profile), addCustomer(shop, { ...makeProfile(shop), name: profile.name, email: null })],
    );
  });

  function ambiguous(companies: Company[], customers: Customer[]): void {
    firms.ambiguousCompanies.push(...companies);
    firms.ambiguousCustomers.push(...customers);
    mapping.review.keap.push(...companies.map(({ id }) => id));
    mapping.review.customwebshop.push(...customers.map(({ id }) => String(id)));
    mapping.reviewGroups++;
  }

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

  // In Keap, but nothing that the shop takes.
  times(counts.badForShop, (i) => {
    const company = addCompany(shop, makeProfile(shop));
    const reasons: Record<number, string> = { 0: 'email', 1: 'billing.postcode', 2: 'billing.country' };
    if (i % 3 === 0) company.email_address = { email: `info(at)${company.id}.example`, field: 'EMAIL1' };
    if (i % 3 === 1) company.address = { ...company.address, postal_code: 'PO/BOX #12' };
    if (i % 3 === 2) company.address = { ...company.address, country_code: 'XXX' };
    firms.failingCompanies.push(company);
    mapping.failed.keap.push({ id: company.id, reason: reasons[i % 3] ?? '' });
  });

  // In the shop, but longer than Keap takes. Without an e-mail address, so that they get no contact either.
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

  mapping.start = { keap: shop.keap.companies.length, customwebshop: shop.shop.customers.length };
  mapping.after = {
    keap: mapping.start.keap + mapping.created.keap,
    customwebshop: mapping.start.customwebshop + mapping.created.customwebshop,
  };
  return firms;
}

function makeProfile(shop: Workshop, given?: string): Profile {
  const { faker } = shop;
  const name = given === undefined ? shop.companyName() : given;
  const place = shop.place();
  const phone = shop.chance(0.9) ? phoneIn(shop, place) : null;
  const email = shop.email(shop.pick(['info', 'office', 'hello', 'sales']), name);
  return {
    name,
    email,
    phone,
    // Half of the numbers in Keap have the look that people give them; what the shop keeps of it is the same.
    spokenPhone:
      phone && shop.chance(0.5)
        ? `${phone.slice(0, 3)} (${phone.slice(3, 6)}) ${phone.slice(6, 9)}-${phone.slice(9)}`
        : phone,
    website: shop.chance(0.7) ? `https://www.${email.split('@')[1]}` : null,
    line1: faker.location.streetAddress(),
    line2: shop.chance(0.3) ? faker.location.secondaryAddress() : null,
    place,
    notes: shop.chance(0.4) ? faker.lorem.sentence() : null,
  };
}

function phoneIn(shop: Workshop, place: Place): string {
  return `${place.prefix}${shop.faker.string.numeric({ length: 7, allowLeadingZeros: false })}`;
}

function addCompany(shop: Workshop, profile: Profile, { created, updated }: Times = shop.times()): Company {
  const { place } = profile;
  const company: Company = {
    id: String(shop.id('companies', 1_001)),
    ...(profile.name !== null && { company_name: profile.name }),
    ...(profile.website !== null && { website: profile.website }),
    ...(profile.notes !== null && { notes: profile.notes }),
    address: {
      line1: profile.line1,
      ...(profile.line2 !== null && { line2: profile.line2 }),
      locality: place.locality,
      region_code: place.region_code,
      postal_code: place.postal_code,
      // Only Keap's own users write it: it goes with the next write of the address, as it belongs to one postal code.
      ...(place.country === 'USA' && shop.chance(0.3) && { zip_four: shop.faker.string.numeric(4) }),
      country_code: place.country,
    },
    ...(profile.email !== null && { email_address: { email: profile.email, field: 'EMAIL1', is_opt_in: true } }),
    ...(profile.spokenPhone !== null && {
      phone_number: { number: profile.spokenPhone, type: 'Work', ...(shop.chance(0.2) && { extension: '7' }) },
    }),
    create_time: created,
    update_time: updated,
  };
  shop.keap.companies.push(company);
  return company;
}

function addCustomer(shop: Workshop, profile: Profile, { created, updated }: Times = shop.times()): Customer {
  const { place } = profile;
  const customer: Customer = {
    id: shop.id('customers', 501),
    company: profile.name,
    first_name: null,
    last_name: null,
    email: profile.email,
    phone: profile.phone,
    website: profile.website,
    billing: {
      address_1: profile.line1,
      address_2: profile.line2,
      city: place.locality,
      state: place.region_code,
      postcode: place.postal_code,
      country: place.country2,
    },
    note: profile.notes,
    external_id: null,
    created_at: created,
    updated_at: updated,
  };
  shop.shop.customers.push(customer);
  return customer;
}

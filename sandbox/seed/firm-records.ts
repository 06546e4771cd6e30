// One firm, and how it is made in each system.

import type { Company } from '../keap/data.ts';
import type { Customer } from '../shop/data.ts';
import type { Place, Times, Workshop } from './workshop.ts';

export interface Profile {
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

export function makeProfile(shop: Workshop, given?: string): Profile {
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

export function phoneIn(shop: Workshop, place: Place): string {
  return `${place.prefix}${shop.faker.string.numeric({ length: 7, allowLeadingZeros: false })}`;
}

export function addCompany(shop: Workshop, profile: Profile, { created, updated }: Times = shop.times()): Company {
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

export function addCustomer(shop: Workshop, profile: Profile, { created, updated }: Times = shop.times()): Customer {
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

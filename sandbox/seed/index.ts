// Seed data for both stand-ins. The same seed and size give the same data, byte for byte,
// and with it what a right sync makes of them.

import type { KeapData } from '../keap/data.ts';
import type { ShopData } from '../shop/data.ts';
import { makeFirms } from './companies.ts';
import { makePeople } from './contacts.ts';
import { makeDeals } from './deals.ts';
import type { Expected } from './expected.ts';
import { makeProducts } from './products.ts';
import { type Size, sizes } from './sizes.ts';
import { Workshop } from './workshop.ts';

export type { Expected, ExpectedConflict, ExpectedMapping, MappingName, Sides } from './expected.ts';
export type { Size } from './sizes.ts';

export interface Seed {
  keap: KeapData;
  shop: ShopData;
  expected: Expected;
}

export function makeSeed(seed = 42, size: Size = 'demo'): Seed {
  const workshop = new Workshop(seed, sizes[size]);
  const firms = makeFirms(workshop);
  const people = makePeople(workshop, firms);
  makeProducts(workshop);
  makeDeals(workshop, firms, people);
  const { keap, shop, expected } = workshop;
  // Records lie in the order of their ids, as in a database.
  for (const list of [
    keap.companies,
    keap.contacts,
    keap.opportunities,
    keap.products,
    shop.customers,
    shop.orders,
    shop.products,
  ])
    list.sort((a, b) => Number(a.id) - Number(b.id));
  return { keap, shop, expected };
}

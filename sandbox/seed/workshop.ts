// What all makers of seed records share: one source of randomness, one calendar, and nothing made twice.

import type { Faker } from '@faker-js/faker';
// This locale alone: the whole package takes a second to load.
import { faker } from '@faker-js/faker/locale/en';
import countries from 'i18n-iso-countries';
import type { KeapData } from '../keap/data.ts';
import type { ShopData } from '../shop/data.ts';
import { type Expected, nothingExpected } from './expected.ts';
import type { Counts } from './sizes.ts';

/** Every record was last changed before this day, and so long ago. */
const today = Date.parse('2025-06-01T00:00:00.000Z');
const day = 86_400_000;

export interface Place {
  locality: string;
  region_code: string;
  postal_code: string;
  /** alpha-3, as Keap has it. */
  country: string;
  /** alpha-2, as the shop has it. */
  country2: string;
  /** As dialled from abroad. */
  prefix: string;
}

const places: readonly [string, string, string, string, string][] = [
  ['Phoenix', 'US-AZ', '85004', 'USA', '+1602'],
  ['Portland', 'US-OR', '97205', 'USA', '+1503'],
  ['Austin', 'US-TX', '78701', 'USA', '+1512'],
  ['Toronto', 'CA-ON', 'M5V 2T6', 'CAN', '+1416'],
  ['München', 'DE-BY', '80331', 'DEU', '+4989'],
  ['London', 'GB-LND', 'SW1A 1AA', 'GBR', '+4420'],
  ['Lyon', 'FR-ARA', '69002', 'FRA', '+334'],
  ['東京', 'JP-13', '100-0001', 'JPN', '+813'],
  ['São Paulo', 'BR-SP', '01310-100', 'BRA', '+5511'],
  ['Sydney', 'AU-NSW', '2000', 'AUS', '+612'],
  ['תל אביב', 'IL-TA', '6801298', 'ISR', '+9723'],
  ['دبي', 'AE-DU', '00000', 'ARE', '+9714'],
  ['Mumbai', 'IN-MH', '400001', 'IND', '+9122'],
  ['Zürich', 'CH-ZH', '8001', 'CHE', '+4144'],
];

export interface Times {
  created: string;
  updated: string;
}

export class Workshop {
  readonly faker: Faker;
  readonly counts: Counts;
  readonly keap: KeapData = { companies: [], contacts: [], opportunities: [], products: [], stages: [] };
  readonly shop: ShopData = { customers: [], orders: [], products: [] };
  readonly expected: Expected = {
    mappings: {
      'company-customer': nothingExpected(),
      'contact-customer': nothingExpected(),
      'product-product': nothingExpected(),
      'opportunity-order': nothingExpected(),
    },
    conflicts: [],
  };
  readonly #used = new Set<string>();
  readonly #ids = new Map<string, number[]>();
  readonly #serials = new Map<string, number>();

  constructor(seed: number, counts: Counts) {
    this.counts = counts;
    // One instance for all: a seed is made in one go, from its seed on.
    this.faker = faker;
    this.faker.seed(seed);
    this.faker.setDefaultRefDate(new Date(today));
  }

  /** A free id of an entity. They come in no order, so that nobody can pair records up by counting. */
  id(entity: string, first: number): number {
    let free = this.#ids.get(entity);
    if (!free) {
      free = this.faker.helpers.shuffle(Array.from({ length: 600 }, (_, i) => first + i));
      this.#ids.set(entity, free);
    }
    const id = free.pop();
    if (id === undefined) throw new Error(`No ids left for ${entity}.`);
    return id;
  }

  /** Counts from 1. */
  serial(kind: string): number {
    const next = (this.#serials.get(kind) ?? 0) + 1;
    this.#serials.set(kind, next);
    return next;
  }

  /** Text of which no two are the same, not even in other case. */
  unique(kind: string, make: () => string): string {
    for (let i = 0; i < 1_000; i++) {
      const text = make();
      const key = `${kind} ${text.toLowerCase()}`;
      if (this.#used.has(key)) continue;
      this.#used.add(key);
      return text;
    }
    throw new Error(`No ${kind} left.`);
  }

  /** An e-mail address that nobody else has. */
  email(localPart: string, name: string): string {
    const slug = name
      .normalize('NFKD')
      .toLowerCase()
      .replace(/[^a-z0-9]+/g, '-')
      .replace(/^-+|-+$/g, '')
      .slice(0, 30);
    const serial = this.serial('email');
    const host = slug.length > 2 ? slug : `firm-${serial}`;
    let attempt = 0;
    return this.unique('email', () => `${localPart}@${host}${attempt++ > 0 ? `-${attempt}` : ''}.example`);
  }

  companyName(): string {
    return this.unique('company', () => this.faker.company.name());
  }

  place(): Place {
    const [locality, region_code, postal_code, country, prefix] = this.faker.helpers.arrayElement(places);
    return { locality, region_code, postal_code, country, country2: countries.alpha3ToAlpha2(country) ?? '', prefix };
  }

  /** Made and last changed within the year before the reference day. */
  times(): Times {
    const updated = today - this.faker.number.int({ min: 2 * day, max: 330 * day });
    const created = updated - this.faker.number.int({ min: day, max: 400 * day });
    return { created: new Date(created).toISOString(), updated: new Date(updated).toISOString() };
  }

  /** Two histories, of which the first was changed last, by days. */
  laterAndEarlier(): [Times, Times] {
    const earlier = this.times();
    const later = Date.parse(earlier.updated) + this.faker.number.int({ min: 60_000, max: day });
    return [{ created: earlier.created, updated: new Date(later).toISOString() }, earlier];
  }

  /** An instant in the half year after the reference day. */
  future(): string {
    const at = today + this.faker.number.int({ min: day, max: 180 * day });
    return new Date(at - (at % 1_000)).toISOString();
  }

  chance(probability: number): boolean {
    return this.faker.number.float() < probability;
  }

  pick<T>(list: readonly T[]): T {
    return this.faker.helpers.arrayElement(list);
  }
}

export function times<T>(count: number, make: (i: number) => T): T[] {
  return Array.from({ length: count }, (_, i) => make(i));
}

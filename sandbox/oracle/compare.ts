// Compares the values of linked records in both systems, read through the systems' own APIs. It shares no code with the
// engine and reads no mapping file: a wrong conversion that is wrong both ways agrees with itself, but not with this.

import type { JsonObject } from '../kit/json.ts';
import type { MappingName } from '../seed/expected.ts';
import { type Canonical, RULES, type Surroundings } from './rules.ts';

/** @throws on an answer that is not 2xx */
export type Get = (path: string) => Promise<unknown>;

export interface Pair {
  readonly keap: string;
  readonly shop: string;
}

export type Pairs = Readonly<Record<MappingName, readonly Pair[]>>;

export interface Difference {
  readonly mapping: MappingName;
  readonly pair: Pair;
  /** Path on the Keap side; '' where a whole record is missing. */
  readonly property: string;
  /** What the shop should hold, going by Keap. */
  readonly keap: Canonical;
  readonly shop: Canonical;
}

export interface Comparison {
  readonly mapping: MappingName;
  readonly pairs: number;
  /** Properties compared, over all pairs. */
  readonly properties: number;
  readonly differences: readonly Difference[];
}

/** The fields of each Keap entity that the rules need; what is not named here Keap answers anyway. */
const KEAP_FIELDS: Readonly<Record<string, string>> = {
  companies: 'company_name,website,notes,address,email_address,phone_number',
  contacts: 'given_name,family_name,email_addresses,company',
};

const ENTITIES: Readonly<Record<MappingName, readonly [keap: string, shop: string]>> = {
  'company-customer': ['companies', 'customers'],
  'contact-customer': ['contacts', 'customers'],
  'product-product': ['products', 'products'],
  'opportunity-order': ['opportunities', 'orders'],
};

export async function compareValues(systems: { keap: Get; shop: Get }, pairs: Pairs): Promise<Comparison[]> {
  const keap = new Map<string, Map<string, JsonObject>>();
  const shop = new Map<string, Map<string, JsonObject>>();
  for (const [ofKeap, ofShop] of Object.values(ENTITIES)) {
    if (!keap.has(ofKeap)) keap.set(ofKeap, byId(await readKeap(systems.keap, ofKeap)));
    if (!shop.has(ofShop)) shop.set(ofShop, byId(await readShop(systems.shop, ofShop)));
  }
  const customers = (mapping: MappingName) => new Map(pairs[mapping].map((pair) => [pair.keap, pair.shop]));
  const [ofContact, ofCompany] = [customers('contact-customer'), customers('company-customer')];
  const around: Surroundings = {
    customerOfContact: (id) => ofContact.get(id),
    customerOfCompany: (id) => ofCompany.get(id),
    contact: (id) => keap.get('contacts')?.get(id),
  };
  return (Object.keys(ENTITIES) as MappingName[]).map((mapping) => {
    const [ofKeap, ofShop] = ENTITIES[mapping];
    const differences: Difference[] = [];
    let properties = 0;
    for (const pair of pairs[mapping]) {
      const [left, right] = [keap.get(ofKeap)?.get(pair.keap), shop.get(ofShop)?.get(pair.shop)];
      if (!left || !right) {
        const there = (record: JsonObject | undefined) => (record ? 'there' : 'missing');
        differences.push({ mapping, pair, property: '', keap: there(left), shop: there(right) });
        continue;
      }
      for (const rule of RULES[mapping]) {
        const [inKeap, inShop] = [rule.keap(left, around), rule.shop(right)];
        properties++;
        if (inKeap !== inShop) differences.push({ mapping, pair, property: rule.property, keap: inKeap, shop: inShop });
      }
    }
    return { mapping, pairs: pairs[mapping].length, properties, differences };
  });
}

async function readKeap(get: Get, entity: string): Promise<JsonObject[]> {
  const fields = KEAP_FIELDS[entity];
  const query = `page_size=1000${fields ? `&fields=${encodeURIComponent(fields)}` : ''}`;
  const records: JsonObject[] = [];
  for (let token = ''; ; ) {
    const more = token ? `&page_token=${encodeURIComponent(token)}` : '';
    const page = (await get(`/v2/${entity}?${query}${more}`)) as JsonObject;
    records.push(...(page[entity] as JsonObject[]));
    token = tokenOf(String(page.next_page_token ?? ''));
    if (!token) return records;
  }
}

/** Some of Keap's lists name the next page by its whole address. */
export function tokenOf(next: string): string {
  return URL.canParse(next) ? (new URL(next).searchParams.get('page_token') ?? '') : next;
}

async function readShop(get: Get, entity: string): Promise<JsonObject[]> {
  const records: JsonObject[] = [];
  for (let page = 1; ; page++) {
    const found = (await get(`/${entity}?per_page=100&sort=id&page=${page}`)) as JsonObject[];
    records.push(...found);
    if (found.length < 100) return records;
  }
}

const byId = (records: readonly JsonObject[]) => new Map(records.map((record) => [String(record.id), record]));

// ---------------------------------------------------------------- for people

/** How many differences are shown. */
const SHOWN = 10;

/** Lines to print: per mapping its pairs, the properties compared and the differences; then the first of these. */
export function comparisonLines(comparisons: readonly Comparison[]): string[] {
  const total = (count: (one: Comparison) => number) => comparisons.reduce((sum, one) => sum + count(one), 0);
  const line = (name: string, pairs: number, properties: number, differences: number) =>
    `  ${name}: ${pairs} pairs, ${properties} properties compared, differences: ${differences}`;
  const differences = comparisons.flatMap((one) => one.differences);
  return [
    ...comparisons.map((one) => line(one.mapping, one.pairs, one.properties, one.differences.length)),
    line(
      'together',
      total((one) => one.pairs),
      total((one) => one.properties),
      differences.length,
    ),
    ...differences
      .slice(0, SHOWN)
      .map(
        ({ mapping, pair, property, keap, shop }) =>
          `    ${mapping}, Keap ${pair.keap} and shop ${pair.shop}${property ? `, ${property}` : ''}: ${shown(keap)} in Keap, ${shown(shop)} in the shop`,
      ),
    ...(differences.length > SHOWN ? [`    and ${differences.length - SHOWN} more`] : []),
  ];
}

const LONGEST = 60;

function shown(value: Canonical): string {
  if (value === undefined) return 'nothing';
  const text = JSON.stringify(value);
  return text.length > LONGEST ? `${text.slice(0, LONGEST - 1)}…` : text;
}

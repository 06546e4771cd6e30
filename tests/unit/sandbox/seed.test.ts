// The seed: the same each time, and its expectations are what a plain reading of the rules gives.
// The second part is a sync of its own, as simple as can be, over HTTP: it knows the rules but not the seed's groups.

import countries from 'i18n-iso-countries';
import { describe, expect, it } from 'vitest';
import type { Company, Contact } from '../../../sandbox/keap/data.ts';
import { startKeap } from '../../../sandbox/keap/server.ts';
import { type ExpectedMapping, makeSeed, type Size } from '../../../sandbox/seed/index.ts';
import { naughty } from '../../../sandbox/seed/texts.ts';
import type { Customer } from '../../../sandbox/shop/data.ts';
import { startShop } from '../../../sandbox/shop/server.ts';
import { caller } from './support.ts';

describe('makeSeed', () => {
  it('is the same for the same seed only', () => {
    expect(makeSeed(42)).toEqual(makeSeed(42));
    expect(JSON.stringify(makeSeed(42))).not.toBe(JSON.stringify(makeSeed(43)));
  });

  it('has the size that a demo needs, all of it in the past', () => {
    const { keap, shop } = makeSeed();
    expect(keap.companies.length).toBeGreaterThanOrEqual(200);
    expect(keap.products.length).toBeGreaterThanOrEqual(150);
    expect(keap.opportunities.length + shop.orders.length).toBeGreaterThanOrEqual(400);
    expect(naughty).toHaveLength(20);
    const text = JSON.stringify({ keap, shop });
    for (const string of naughty) expect(text).toContain(JSON.stringify(string));
    const times = [...keap.companies, ...keap.contacts, ...keap.products].map((record) => record.update_time);
    times.push(...keap.opportunities.map((record) => record.last_updated_time));
    times.push(...[...shop.customers, ...shop.orders, ...shop.products].map((record) => record.updated_at));
    expect(times.filter((time) => Date.parse(time) > Date.parse('2025-06-01'))).toEqual([]);
  });

  it('has in Keap only what Keap takes: every record could have been created through the API', async () => {
    const { keap: data } = makeSeed();
    const keap = await startKeap({ data, limits: false });
    const call = caller(`${keap.url}/crm/rest/v2`, { 'x-keap-api-key': keap.apiKey });
    const refused: unknown[] = [];
    for (const entity of ['companies', 'contacts', 'products', 'opportunities'] as const)
      for (const record of data[entity]) {
        const readOnly = ['id', 'create_time', 'update_time', 'created_time', 'last_updated_time'];
        const body = Object.fromEntries(Object.entries(record).filter(([name]) => !readOnly.includes(name)));
        const answer = await call('POST', `/${entity}`, body);
        if (answer.status !== 201) refused.push({ entity, body, answer: answer.body });
      }
    await keap.close();
    expect(refused).toEqual([]);
  });

  it('is empty but for the stages where empty is asked', () => {
    const { keap, shop } = makeSeed(1, 'empty');
    expect(keap.stages).toHaveLength(6);
    expect([...keap.companies, ...keap.products, ...shop.customers, ...shop.orders]).toEqual([]);
  });

  it('says who wins each conflict', () => {
    const { keap, shop, expected } = makeSeed();
    for (const conflict of expected.conflicts) {
      const here = [...keap.companies, ...keap.products].find(({ id }) => id === conflict.keapId);
      const there = [...shop.customers, ...shop.products].find(({ id }) => String(id) === conflict.shopId);
      expect((here?.update_time ?? '') > (there?.updated_at ?? '') ? 'keap' : 'customwebshop').toBe(conflict.winner);
    }
  });

  it.each<[Size, number]>([
    ['demo', 42],
    ['small', 42],
    ['small', 7],
  ])('expects of %s (seed %d) what a sync by the rules finds', async (size, seed) => {
    const { expected } = makeSeed(seed, size);
    const found = await plainSync(seed, size);
    for (const [name, mapping] of Object.entries(found)) {
      const wanted = expected.mappings[name as keyof typeof expected.mappings];
      expect({ name, ...sorted(mapping) }).toEqual({ name, ...sorted(wanted) });
    }
  });
});

type Found = Pick<ExpectedMapping, 'matched' | 'created' | 'review' | 'waiting' | 'after'> & {
  failed: { keap: string[]; customwebshop: string[] };
};

function sorted(mapping: Found | ExpectedMapping) {
  const ids = (list: readonly (string | { id: string })[]) =>
    list.map((item) => (typeof item === 'string' ? item : item.id)).sort();
  const both = (sides: {
    keap: readonly (string | { id: string })[];
    customwebshop: readonly (string | { id: string })[];
  }) => ({
    keap: ids(sides.keap),
    customwebshop: ids(sides.customwebshop),
  });
  const { matched, created, review, waiting, failed, after } = mapping;
  return { matched, created, review: both(review), waiting: both(waiting), failed: both(failed), after };
}

/** One candidate each way is a pair; more is ambiguous; none leaves a record for the next rule. */
function match<A, B>(
  as: A[],
  bs: B[],
  rules: [(a: A) => string | undefined | null, (b: B) => string | undefined | null][],
) {
  const pairs = new Map<A, B>();
  const unclear = new Set<A | B>();
  for (const [keyA, keyB] of rules) {
    const openA = as.filter((a) => !pairs.has(a) && !unclear.has(a) && keyA(a));
    const taken = new Set(pairs.values());
    const openB = bs.filter((b) => !taken.has(b) && !unclear.has(b) && keyB(b));
    for (const a of openA) {
      const mine = openB.filter((b) => keyB(b) === keyA(a));
      if (mine.length === 0) continue;
      const rivals = openA.filter((other) => keyA(other) === keyA(a));
      if (mine.length === 1 && rivals.length === 1) pairs.set(a, mine[0] as B);
      else for (const one of [...mine, ...rivals]) unclear.add(one);
    }
  }
  return { pairs, unclear };
}

// Over 60 lines: one mapping after the other, as a sync takes them. The deals need the pairs of the firms and the persons.
async function plainSync(seed: number, size: Size): Promise<Record<string, Found>> {
  const data = makeSeed(seed, size);
  const keap = await startKeap({ data: data.keap, limits: false });
  const shop = await startShop({ data: data.shop });
  const toKeap = caller(`${keap.url}/crm/rest/v2`, { 'X-Keap-API-Key': keap.apiKey });
  const toShop = caller(shop.url, { authorization: `Bearer ${shop.token}` });
  const nothing = (): Found => ({
    matched: 0,
    created: { keap: 0, customwebshop: 0 },
    review: { keap: [], customwebshop: [] },
    waiting: { keap: [], customwebshop: [] },
    failed: { keap: [], customwebshop: [] },
    after: { keap: 0, customwebshop: 0 },
  });
  const firms = nothing();
  const persons = nothing();
  const products = nothing();
  const deals = nothing();

  // company-customer
  const companies = keap.store.companies.values().filter((company) => company.company_name);
  const customers = shop.store.customers.values().filter((customer) => customer.company);
  const firmMatch = match(companies, customers, [
    [(c) => c.email_address?.email?.toLowerCase(), (c) => c.email?.toLowerCase()],
    [(c) => c.company_name, (c) => c.company],
  ]);
  firms.matched = firmMatch.pairs.size;
  /** Keap company id -> shop customer id. */
  const customerOf = new Map<string, number>();
  for (const [company, customer] of firmMatch.pairs) {
    customerOf.set(company.id, customer.id);
    const email = company.email_address?.email;
    if (!customer.email && email) await toShop('PATCH', `/customers/${customer.id}`, { email });
  }
  const paired = new Set<Customer>(firmMatch.pairs.values());
  for (const company of companies) {
    if (firmMatch.pairs.has(company)) continue;
    if (firmMatch.unclear.has(company)) firms.review.keap.push(company.id);
    else {
      const answer = await toShop('POST', '/customers', customerFrom(company));
      if (answer.status === 201) {
        customerOf.set(company.id, answer.body.id);
        firms.created.customwebshop++;
      } else firms.failed.keap.push(company.id);
    }
  }
  for (const customer of customers) {
    if (paired.has(customer)) continue;
    if (firmMatch.unclear.has(customer)) firms.review.customwebshop.push(String(customer.id));
    else if ((await toKeap('POST', '/companies', companyFrom(customer))).status === 201) firms.created.keap++;
    else firms.failed.customwebshop.push(String(customer.id));
  }
  firms.after = { keap: keap.store.companies.size, customwebshop: shop.store.customers.size };

  // contact-customer, after the customers of the companies are there
  const mail = (contact: Contact) => contact.email_addresses?.[0]?.email?.toLowerCase();
  const reachable = shop.store.customers.values().filter((customer) => customer.email);
  const personMatch = match(keap.store.contacts.values().filter(mail), reachable, [
    [mail, (c) => c.email?.toLowerCase()],
  ]);
  persons.matched = personMatch.pairs.size;
  expect(personMatch.unclear.size).toBe(0);
  const personOf = new Map([...personMatch.pairs].map(([contact, customer]) => [contact.id, customer.id]));
  const contactOf = new Map([...personMatch.pairs].map(([contact, customer]) => [customer.id, contact.id]));
  for (const customer of reachable) {
    if (contactOf.has(customer.id)) continue;
    const answer = await toKeap('POST', '/contacts', {
      email_addresses: [{ email: customer.email, field: 'EMAIL1' }],
      given_name: customer.first_name,
    });
    expect(answer.status).toBe(201);
    contactOf.set(customer.id, answer.body.id);
    persons.created.keap++;
  }
  persons.after = { keap: keap.store.contacts.size, customwebshop: shop.store.customers.size };

  // product-product
  const productMatch = match(keap.store.products.values(), shop.store.products.values(), [
    [(p) => p.sku, (p) => p.sku],
  ]);
  products.matched = productMatch.pairs.size;
  const sold = new Set(productMatch.pairs.values());
  const left = {
    keap: keap.store.products.values().filter((p) => !productMatch.pairs.has(p)),
    shop: shop.store.products.values().filter((p) => !sold.has(p)),
  };
  for (const product of left.keap) {
    if (productMatch.unclear.has(product) || left.shop.some((other) => other.name === product.name))
      products.review.keap.push(product.id);
    else {
      const { name, sku, description, short_description, price } = product;
      const answer = await toShop('POST', '/products', {
        name,
        sku,
        description,
        short_description,
        price: (price / 100).toFixed(2),
      });
      if (answer.status === 201) products.created.customwebshop++;
      else products.failed.keap.push(product.id);
    }
  }
  for (const product of left.shop) {
    if (productMatch.unclear.has(product) || left.keap.some((other) => other.name === product.name))
      products.review.customwebshop.push(String(product.id));
    else {
      const { name, sku, description, short_description, price } = product;
      const answer = await toKeap('POST', '/products', {
        name,
        sku,
        description,
        short_description,
        price: Math.round(Number(price) * 100),
      });
      if (answer.status === 201) products.created.keap++;
      else products.failed.customwebshop.push(String(product.id));
    }
  }
  products.after = { keap: keap.store.products.size, customwebshop: shop.store.products.size };

  // opportunity-order
  const statuses: Record<string, string> = {
    'New Opportunity': 'pending',
    Qualifying: 'processing',
    'On Hold': 'on-hold',
    Won: 'completed',
    Lost: 'cancelled',
  };
  const stageNames = new Map(data.keap.stages.map((stage) => [stage.id, stage.name]));
  const orders = shop.store.orders.values();
  for (const opportunity of keap.store.opportunities.values()) {
    const contact = keap.store.contacts.get(opportunity.contact_id);
    const customer_id = personOf.get(opportunity.contact_id) ?? customerOf.get(contact?.company?.id ?? '');
    const status = statuses[stageNames.get(opportunity.stage_id) ?? ''];
    if (customer_id === undefined) deals.waiting.keap.push(opportunity.id);
    else if (status === undefined) deals.failed.keap.push(opportunity.id);
    else {
      const body = {
        title: opportunity.opportunity_title,
        customer_id,
        status,
        total: opportunity.projected_revenue_high ?? null,
        due_at: opportunity.estimated_close_time ?? null,
      };
      const answer = await toShop('POST', '/orders', body);
      expect(answer.status, JSON.stringify(answer.body)).toBe(201);
      deals.created.customwebshop++;
    }
  }
  const stageOf = (status: string) => data.keap.stages.find((stage) => statuses[stage.name] === status)?.id;
  for (const order of orders) {
    const contact_id = contactOf.get(order.customer_id);
    if (contact_id === undefined) deals.waiting.customwebshop.push(String(order.id));
    else {
      const answer = await toKeap('POST', '/opportunities', {
        opportunity_title: order.title,
        contact_id,
        stage_id: stageOf(order.status),
      });
      expect(answer.status, JSON.stringify(answer.body)).toBe(201);
      deals.created.keap++;
    }
  }
  deals.after = { keap: keap.store.opportunities.size, customwebshop: shop.store.orders.size };

  await keap.close();
  await shop.close();
  return {
    'company-customer': firms,
    'contact-customer': persons,
    'product-product': products,
    'opportunity-order': deals,
  };
}

function customerFrom(company: Company): unknown {
  const { address } = company;
  return {
    company: company.company_name,
    email: company.email_address?.email ?? null,
    phone: company.phone_number?.number?.replace(/[^0-9+]/g, '') ?? null,
    website: company.website ?? null,
    note: company.notes ?? null,
    billing: {
      address_1: address?.line1 ?? null,
      city: address?.locality ?? null,
      state: address?.region_code ?? null,
      postcode: address?.postal_code ?? null,
      country: address?.country_code ? (countries.alpha3ToAlpha2(address.country_code) ?? 'none') : null,
    },
  };
}

function companyFrom(customer: Customer): unknown {
  const { billing } = customer;
  return {
    company_name: customer.company,
    email_address: { email: customer.email },
    phone_number: { number: customer.phone },
    notes: customer.note,
    address: {
      line1: billing.address_1,
      line2: billing.address_2,
      locality: billing.city,
      region_code: billing.state,
      postal_code: billing.postcode,
      country_code: billing.country ? countries.alpha2ToAlpha3(billing.country) : null,
    },
  };
}

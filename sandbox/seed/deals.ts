// Opportunities in Keap and orders in the shop. No rule matches them, so each exists on one side only at the start.

import type { Contact, Opportunity, Stage } from '../keap/data.ts';
import { type LineItem, type Order, orderStatuses } from '../shop/data.ts';
import { sum } from '../shop/entities.ts';
import type { Firms } from './companies.ts';
import type { People } from './contacts.ts';
import type { ExpectedMapping } from './expected.ts';
import { times, type Workshop } from './workshop.ts';

/** Ids as arbitrary as a tenant's; the mapping goes by the names. The last has no counterpart in the shop. */
export const stages: readonly Stage[] = [
  { id: '27', name: 'New Opportunity', order: 10, probability: 10, target_number_days: 7 },
  { id: '31', name: 'Qualifying', order: 20, probability: 35, target_number_days: 14 },
  { id: '44', name: 'On Hold', order: 30, probability: 25, target_number_days: 30 },
  { id: '12', name: 'Won', order: 40, probability: 100, target_number_days: 0 },
  { id: '19', name: 'Lost', order: 50, probability: 0, target_number_days: 0 },
  { id: '58', name: 'Internal Review', order: 60, probability: 50, target_number_days: 5 },
];

const withCounterpart = stages.slice(0, 5);

/** One kind of deal after the other. All draw from the same random numbers, so their order is part of the data. */
export function makeDeals(shop: Workshop, firms: Firms, people: People): void {
  const mapping = mappingOf(shop);
  shop.keap.stages.push(...structuredClone(stages));
  addOpportunities(shop, people);
  addOrders(shop, firms);
  mapping.start = { keap: shop.keap.opportunities.length, customwebshop: shop.shop.orders.length };
  mapping.after = {
    keap: mapping.start.keap + mapping.created.keap,
    customwebshop: mapping.start.customwebshop + mapping.created.customwebshop,
  };
}

const mappingOf = ({ expected }: Workshop): ExpectedMapping => expected.mappings['opportunity-order'];

function addOpportunities(shop: Workshop, people: People): void {
  const { counts } = shop;
  const mapping = mappingOf(shop);
  times(counts.ofCustomer, (i) => {
    addOpportunity(shop, people.ofCustomer[i % people.ofCustomer.length]);
    mapping.created.customwebshop++;
  });
  times(counts.ofCompany, (i) => {
    addOpportunity(shop, people.ofCompany[i % people.ofCompany.length]);
    mapping.created.customwebshop++;
  });
  for (const contact of people.stuck) mapping.waiting.keap.push(addOpportunity(shop, contact).id);
  times(counts.noCounterpartStage, (i) => {
    const opportunity = addOpportunity(shop, people.ofCustomer[i]);
    opportunity.stage_id = '58';
    mapping.failed.keap.push({ id: opportunity.id, reason: 'stage_id' });
  });
}

function addOrders(shop: Workshop, firms: Firms): void {
  const { counts } = shop;
  const mapping = mappingOf(shop);
  // Customers with an e-mail address have or get a contact, which an opportunity needs.
  const reachable = [...firms.paired.map(({ customer }) => customer), ...firms.shopOnly, ...firms.persons].filter(
    (customer) => customer.email !== null,
  );
  times(counts.orders, () => {
    addOrder(shop, shop.pick(reachable).id);
    mapping.created.keap++;
  });
  // Without an address there is no contact, now or later: these orders wait.
  const unreachable = [...firms.shopOnly, ...firms.ambiguousCustomers].filter((customer) => customer.email === null);
  times(counts.ordersWaiting, (i) => {
    const customer = unreachable[i % unreachable.length];
    if (customer) mapping.waiting.customwebshop.push(String(addOrder(shop, customer.id).id));
  });
}

function title({ faker }: Workshop): string {
  return `${faker.company.catchPhrase()} (${faker.commerce.department()})`;
}

function addOpportunity(shop: Workshop, contact: Contact | undefined): Opportunity {
  if (!contact) throw new Error('An opportunity needs a contact.');
  const { faker } = shop;
  const { created, updated } = shop.times();
  const opportunity: Opportunity = {
    id: String(shop.id('opportunities', 6_001)),
    opportunity_title: title(shop),
    contact_id: contact.id,
    stage_id: shop.pick(withCounterpart).id,
    ...(shop.chance(0.5) && { user_id: '1' }),
    ...(shop.chance(0.7) && { estimated_close_time: shop.future() }),
    ...(shop.chance(0.4) && { next_action_notes: faker.company.buzzPhrase() }),
    ...(shop.chance(0.4) && { opportunity_notes: faker.lorem.sentence() }),
    ...(shop.chance(0.9) && { projected_revenue_high: faker.number.int({ min: 1_000, max: 9_999_999 }) / 100 }),
    include_in_forecast: shop.chance(0.8),
    created_time: created,
    last_updated_time: updated,
  };
  shop.keap.opportunities.push(opportunity);
  return opportunity;
}

function addOrder(shop: Workshop, customer_id: number): Order {
  const { faker } = shop;
  const { created, updated } = shop.times();
  const id = shop.id('orders', 9_001);
  const line_items = lineItems(shop);
  const order: Order = {
    id,
    number: `W${String(id).padStart(6, '0')}`,
    title: title(shop),
    customer_id,
    status: shop.pick(orderStatuses),
    total:
      line_items.length > 0 ? sum(line_items) : shop.chance(0.5) ? faker.commerce.price({ min: 10, max: 900 }) : null,
    due_at: shop.chance(0.6) ? shop.future() : null,
    next_step: shop.chance(0.4) ? faker.company.buzzPhrase() : null,
    note: shop.chance(0.4) ? faker.lorem.sentence() : null,
    external_id: null,
    line_items,
    created_at: created,
    updated_at: updated,
  };
  shop.shop.orders.push(order);
  return order;
}

function lineItems(shop: Workshop): LineItem[] {
  const { faker } = shop;
  return shop.chance(0.8)
    ? times(faker.number.int({ min: 1, max: 4 }), () => {
        const product = shop.pick(shop.shop.products);
        return {
          product_id: product.id,
          quantity: faker.number.int({ min: 1, max: 5 }),
          price: product.price ?? '0.00',
        };
      })
    : [];
}

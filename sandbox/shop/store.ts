// All records of the shop stand-in. Tests may edit them here directly: `updated_at` moves on, but no webhook fires.

import { REUSED_LATER } from '../kit/behaviours.ts';
import { Clock, later } from '../kit/clock.ts';
import { isEmpty, type JsonObject } from '../kit/json.ts';
import { Table } from '../kit/table.ts';
import type { Customer, Order, Product, ShopData, StoredWebhook } from './data.ts';

export type ShopEntity = 'customers' | 'orders' | 'products';

export interface ShopTables {
  customers: Table<Customer>;
  orders: Table<Order>;
  products: Table<Product>;
}

type RecordOf<E extends ShopEntity> = ReturnType<ShopTables[E]['values']>[number];

export const shopEntities: readonly ShopEntity[] = ['customers', 'orders', 'products'];

export class ShopStore implements ShopTables {
  readonly clock: Clock;
  /** The id for a new record, where it is not the next one. */
  idFor: (entity: ShopEntity) => number | undefined = () => undefined;
  #listeners: (() => void)[] = [];
  readonly #changed = () => {
    for (const listener of this.#listeners) listener();
  };

  readonly customers = new Table<Customer>(this.#changed);
  readonly orders = new Table<Order>(this.#changed);
  readonly products = new Table<Product>(this.#changed);
  readonly webhooks = new Table<StoredWebhook>(this.#changed);

  constructor(data: ShopData, clock = new Clock()) {
    this.clock = clock;
    this.load(data);
  }

  onChange(listener: () => void): void {
    this.#listeners.push(listener);
  }

  load(data: ShopData): void {
    this.customers.load(data.customers, data.next?.customers);
    this.orders.load(data.orders, data.next?.orders);
    this.products.load(data.products, data.next?.products);
    this.webhooks.load(data.webhooks ?? [], data.next?.webhooks);
    for (const { updated_at } of [...data.customers, ...data.orders, ...data.products]) this.clock.seen(updated_at);
  }

  snapshot(): ShopData {
    return structuredClone({
      customers: this.customers.values(),
      orders: this.orders.values(),
      products: this.products.values(),
      webhooks: this.webhooks.values(),
      next: {
        customers: this.customers.next,
        orders: this.orders.next,
        products: this.products.next,
        webhooks: this.webhooks.next,
      },
    });
  }

  /** Adds a record; answers it with its new id and times. */
  add<E extends ShopEntity>(
    entity: E,
    fields: Omit<RecordOf<E>, 'id' | 'number' | 'created_at' | 'updated_at'>,
  ): RecordOf<E> {
    const table = this.table(entity);
    const reused = this.idFor(entity);
    const id = reused ?? table.takeId();
    const time = this.clock.next();
    const created = reused === undefined ? time : later(time, REUSED_LATER);
    const number = entity === 'orders' ? { number: `W${String(id).padStart(6, '0')}` } : {};
    const record = { id, ...number, ...fields, created_at: created, updated_at: time };
    // Put together from all parts of the type; TypeScript cannot see that through Omit.
    return table.put(record as unknown as RecordOf<E>);
  }

  /** Replaces some top-level fields; `updated_at` moves on. */
  edit<E extends ShopEntity>(entity: E, id: number, fields: Partial<RecordOf<E>>): RecordOf<E> {
    const table = this.table(entity);
    const record = table.get(id);
    if (!record) throw new Error(`There is no ${entity} ${id}.`);
    return table.put({ ...record, ...fields, id, updated_at: this.clock.next() });
  }

  /** Joins two records: what the winner lacks, and all that refers to the loser, becomes the winner's. */
  merge(entity: ShopEntity, loser: number, winner: number): void {
    const table = this.table(entity);
    const [lost, kept] = [table.get(loser), table.get(winner)];
    if (!lost || !kept) throw new Error(`There is no ${entity} ${lost ? winner : loser}.`);
    const lacking = Object.entries(lost).filter(([name]) => isEmpty((kept as JsonObject)[name]));
    this.edit(entity, winner, Object.fromEntries(lacking));
    for (const order of this.orders.values()) {
      if (entity === 'customers' && order.customer_id === loser) this.edit('orders', order.id, { customer_id: winner });
      if (entity === 'products' && order.line_items.some(({ product_id }) => product_id === loser))
        this.edit('orders', order.id, {
          line_items: order.line_items.map((item) =>
            item.product_id === loser ? { ...item, product_id: winner } : item,
          ),
        });
    }
    this.remove(entity, loser);
  }

  remove(entity: ShopEntity, id: number): boolean {
    return this.table(entity).delete(id);
  }

  /** A table by its entity, typed as that entity's. */
  table<E extends ShopEntity>(entity: E): Table<RecordOf<E>> {
    // TypeScript cannot follow the link from the name to the type; it holds by the fields above.
    return this[entity] as unknown as Table<RecordOf<E>>;
  }
}

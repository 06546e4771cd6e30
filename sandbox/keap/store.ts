// All records of the Keap stand-in. Tests may edit them here directly, as Keap's own users and bulk tools do:
// modification times move on, but no hook fires.

import { REUSED_LATER } from '../kit/behaviours.ts';
import { Clock, later } from '../kit/clock.ts';
import { isEmpty, type JsonObject } from '../kit/json.ts';
import { Table } from '../kit/table.ts';
import {
  type Company,
  type Contact,
  type CustomFieldModel,
  defaultCustomFields,
  type KeapData,
  type Opportunity,
  type Product,
  type Stage,
  type StoredHook,
} from './data.ts';

export type KeapEntity = 'companies' | 'contacts' | 'opportunities' | 'products';

export interface KeapTables {
  companies: Table<Company>;
  contacts: Table<Contact>;
  opportunities: Table<Opportunity>;
  products: Table<Product>;
}

type RecordOf<E extends KeapEntity> = ReturnType<KeapTables[E]['values']>[number];

export const keapEntities: readonly KeapEntity[] = ['companies', 'contacts', 'opportunities', 'products'];

export class KeapStore implements KeapTables {
  readonly clock: Clock;
  /** The id for a new record, where it is not the next one. */
  idFor: (entity: KeapEntity) => number | undefined = () => undefined;
  #listeners: (() => void)[] = [];
  readonly #changed = () => {
    for (const listener of this.#listeners) listener();
  };

  readonly companies = new Table<Company>(this.#changed);
  readonly contacts = new Table<Contact>(this.#changed);
  readonly opportunities = new Table<Opportunity>(this.#changed);
  readonly products = new Table<Product>(this.#changed);
  readonly stages = new Table<Stage>(this.#changed);
  readonly customFields = new Table<CustomFieldModel>(this.#changed);
  readonly hooks = new Table<StoredHook & { id: string }>(this.#changed);
  refreshToken = '';
  /** ISO 4217 code of the account's currency. */
  currency = 'USD';

  constructor(data: KeapData, clock = new Clock()) {
    this.clock = clock;
    this.load(data);
  }

  onChange(listener: () => void): void {
    this.#listeners.push(listener);
  }

  /** To be called for a change that is not in a table. */
  changed(): void {
    this.#changed();
  }

  load(data: KeapData): void {
    this.companies.load(data.companies, data.next?.companies);
    this.contacts.load(data.contacts, data.next?.contacts);
    this.opportunities.load(data.opportunities, data.next?.opportunities);
    this.products.load(data.products, data.next?.products);
    this.stages.load(data.stages);
    this.customFields.load(data.customFields ?? defaultCustomFields);
    this.currency = data.currency ?? 'USD';
    this.hooks.load(
      (data.hooks ?? []).map((hook) => ({ ...hook, id: hook.key })),
      data.next?.hooks,
    );
    if (data.refreshToken !== undefined) this.refreshToken = data.refreshToken;
    for (const { update_time } of [...data.companies, ...data.contacts, ...data.products]) this.clock.seen(update_time);
    for (const { last_updated_time } of data.opportunities) this.clock.seen(last_updated_time);
  }

  snapshot(): KeapData {
    return structuredClone({
      companies: this.companies.values(),
      contacts: this.contacts.values(),
      opportunities: this.opportunities.values(),
      products: this.products.values(),
      stages: this.stages.values(),
      customFields: this.customFields.values(),
      currency: this.currency,
      hooks: this.hooks.values().map(({ key, eventKey, hookUrl, status }) => ({ key, eventKey, hookUrl, status })),
      refreshToken: this.refreshToken,
      next: {
        companies: this.companies.next,
        contacts: this.contacts.next,
        opportunities: this.opportunities.next,
        products: this.products.next,
        hooks: this.hooks.next,
      },
    });
  }

  /** Adds a record; answers it with its new id. */
  add<E extends KeapEntity>(entity: E, fields: Partial<RecordOf<E>>): RecordOf<E> {
    const table = this.table(entity);
    const time = this.clock.next();
    const reused = this.idFor(entity);
    const record = {
      ...fields,
      id: String(reused ?? table.takeId()),
      ...this.#times(entity, reused === undefined ? time : later(time, REUSED_LATER)),
      ...this.#modified(entity, time),
    };
    return table.put(withoutEmpty(record) as RecordOf<E>);
  }

  /** Replaces some top-level fields (undefined or null: clears); the modification time moves on. */
  edit<E extends KeapEntity>(
    entity: E,
    id: string,
    fields: { [K in keyof RecordOf<E>]?: RecordOf<E>[K] | null | undefined },
  ): RecordOf<E> {
    const table = this.table(entity);
    const record = table.get(id);
    if (!record) throw new Error(`There is no ${entity} ${id}.`);
    const next = { ...record, ...fields, id, ...this.#modified(entity, this.clock.next()) };
    return table.put(withoutEmpty(next) as RecordOf<E>);
  }

  /** Joins two records: what the winner lacks, and all that refers to the loser, becomes the winner's. */
  merge(entity: KeapEntity, loser: string, winner: string): void {
    const table = this.table(entity);
    const [lost, kept] = [table.get(loser), table.get(winner)];
    if (!lost || !kept) throw new Error(`There is no ${entity} ${lost ? winner : loser}.`);
    const lacking = Object.entries(lost).filter(([name]) => isEmpty((kept as unknown as JsonObject)[name]));
    this.edit(entity, winner, Object.fromEntries(lacking));
    if (entity === 'companies') {
      for (const contact of this.contacts.values())
        if (contact.company?.id === loser) this.edit('contacts', contact.id, { company: { id: winner } });
    } else if (entity === 'contacts') {
      for (const { id, contact_id } of this.opportunities.values())
        if (contact_id === loser) this.edit('opportunities', id, { contact_id: winner });
    }
    this.remove(entity, loser);
  }

  remove(entity: KeapEntity, id: string): boolean {
    const existed = this.table(entity).delete(id);
    // A contact must not go on pointing at a company that is gone.
    if (existed && entity === 'companies')
      for (const contact of this.contacts.values())
        if (contact.company?.id === id) this.edit('contacts', contact.id, { company: undefined });
    return existed;
  }

  /** A table by its entity, typed as that entity's. */
  table<E extends KeapEntity>(entity: E): Table<RecordOf<E>> {
    // TypeScript cannot follow the link from the name to the type; it holds by the fields above.
    return this[entity] as unknown as Table<RecordOf<E>>;
  }

  #times(entity: KeapEntity, time: string): Record<string, string> {
    return entity === 'opportunities' ? { created_time: time } : { create_time: time };
  }

  #modified(entity: KeapEntity, time: string): Record<string, string> {
    return entity === 'opportunities' ? { last_updated_time: time } : { update_time: time };
  }
}

function withoutEmpty(record: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(record).filter(([, value]) => value !== undefined && value !== null));
}

// What Keap's entities have in common: what each of their operations takes, and how a record looks when it is read.

import type { JsonObject } from '../kit/json.ts';
import type { Company, Contact, Opportunity, Product } from './data.ts';
import type { Field } from './fields.ts';
import type { Listed } from './query.ts';
import type { KeapEntity, KeapStore } from './store.ts';

export type StoredRecord = Company | Contact | Opportunity | Product;
export type Operation = 'list' | 'read' | 'create' | 'update';

export interface Entity extends Listed<StoredRecord> {
  plural: KeapEntity;
  /** As in hooks and in error messages. */
  singular: string;
  /** The properties of the body of a create and of an update, where the two differ. */
  writable: Record<'create' | 'update', Record<string, Field>>;
  /** What `update_mask` offers; a name that no body has changes nothing. */
  mask: readonly string[];
  required: readonly string[];
  /** What `fields` offers, by operation; the parameter is unknown where there is none. */
  fields: Partial<Record<Operation, readonly string[]>>;
  /** Whether an answer has a property. `asked`: the names in `fields`. */
  shows: (name: string, operation: Operation, asked: ReadonlySet<string> | undefined) => boolean;
  /** Throws FieldError where the record as a whole cannot stand. */
  check: (record: JsonObject, store: KeapStore, operation: 'create' | 'update') => void;
  /** All of a record, before `shows`. */
  read: (record: StoredRecord, store: KeapStore, operation: Operation) => JsonObject;
  /** How the last page says that it is the last: both ways occur. */
  end: 'absent' | 'empty';
  /** What the next page is named by: some lists answer its whole address. */
  next: 'token' | 'address';
}

/** An entity in terms of its own record type. */
export interface EntityOf<R extends StoredRecord> extends Omit<Entity, 'order' | 'filters' | 'read'>, Listed<R> {
  plural: KeapEntity;
  read: (record: R, store: KeapStore, operation: Operation) => JsonObject;
}

/** Seen as an entity of any record: the routes only ever give it its own. */
export function entity<R extends StoredRecord>(own: EntityOf<R>): Entity {
  return own as unknown as Entity;
}

/** The properties of one table for both creates and updates. */
export function both(fields: Record<string, Field>): Entity['writable'] {
  return { create: fields, update: fields };
}

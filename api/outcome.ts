/** What became of a record, in plans, events and decisions. */
import { OUTCOMES, type OutcomeKind } from '../engine/index.ts';
import { byName, described, list, object, optional, type Static, text, wordOf } from './schema.ts';

const words = Object.fromEntries(Object.entries(OUTCOMES).map(([kind, { words }]) => [kind, words]));

/** A record, by the name of its side. */
export const RecordRef = object({ side: text, id: text });
export type RecordRef = Static<typeof RecordRef>;

const fields = {
  kind: wordOf(words as Record<OutcomeKind, string>),
  writes: described('Names of the properties written', byName(list(text))),
  side: optional(described('On which side a record was created or deleted', text)),
  ids: optional(byName(text)),
  code: optional(text),
  reason: optional(text),
  property: optional(text),
  conflicts: optional(described('Properties that the conflict rule decided', list(text))),
};

export const Outcome = object(fields, { $id: 'Outcome' });
export type Outcome = Static<typeof Outcome>;

export const PlanEntry = object({ record: RecordRef, ...fields }, { $id: 'PlanEntry' });
export type PlanEntry = Static<typeof PlanEntry>;

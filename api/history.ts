/** The history of a record: values that were overwritten, which can be put back. */

import Type from 'typebox';
import { Outcome } from './outcome.ts';
import {
  anything,
  count,
  described,
  flag,
  list,
  object,
  optional,
  page,
  paging,
  ref,
  type Static,
  text,
  time,
} from './schema.ts';

const fields = {
  id: described('Names the entry, for putting it back', text),
  at: time,
  property: text,
  side: described('Whose value lost', text),
  value: optional(anything),
  cut: optional(described('It was too long to be kept whole', flag)),
  rule: described('What it lost to', text),
};

export const OverwrittenValue = object(fields, { $id: 'OverwrittenValue' });
export type OverwrittenValue = Static<typeof OverwrittenValue>;

export const HistoryEntry = object({
  ...fields,
  restorable: described('Whether it can be put back, as far as the mapping tells', flag),
  reason: optional(described('Why not', text)),
});
export type HistoryEntry = Static<typeof HistoryEntry>;

export const HistoryQuery = object(paging);
export const HistoryPage = object({ entries: list(HistoryEntry), ...page });
export type HistoryPage = Static<typeof HistoryPage>;

export const RestoreBody = object({
  entry: described('Id of the entry of the history', Type.String({ minLength: 1, maxLength: 100 })),
});
export const Restored = object({ entry: text, outcome: ref(Outcome) });
export type Restored = Static<typeof Restored>;

export const Forgotten = object({ forgotten: count });
export type Forgotten = Static<typeof Forgotten>;

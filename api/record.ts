/** One record: why it is as it is. */
import { RULES } from '../engine/index.ts';
import { OverwrittenValue } from './history.ts';
import { Issue } from './issue.ts';
import { RecordRef } from './outcome.ts';
import { Fault } from './problem.ts';
import {
  anything,
  byName,
  described,
  flag,
  list,
  object,
  oneOf,
  optional,
  ref,
  type Static,
  text,
  time,
  wordOf,
} from './schema.ts';

export const RecordParams = object({ mapping: text, side: text, id: text });

const ExplainedSide = object({
  source: text,
  value: optional(described('What is there now', anything)),
  changed: optional(described('Whether it differs from the last agreement; absent where there was none', flag)),
  wouldBecome: optional(
    described(
      'What would be here if it were written from the other side',
      object({ value: optional(anything), fault: optional(ref(Fault)) }),
    ),
  ),
});

const ExplainedProperty = object({
  property: text,
  type: text,
  direction: described('"both", or the side that it flows to', text),
  conflict: text,
  base: described('Whether a last agreement is known', flag),
  sides: byName(ExplainedSide),
  decision: optional(
    described(
      'What a reconcile would decide now',
      object({
        rule: wordOf(RULES),
        writes: optional(described('The side written to', text)),
        loser: optional(described('The side whose own change is overwritten', text)),
        fault: optional(ref(Fault)),
      }),
    ),
  ),
});
export type ExplainedProperty = Static<typeof ExplainedProperty>;

export const Explanation = object({
  mapping: text,
  side: text,
  id: text,
  linked: flag,
  ready: described('Both sides were read fully once; before that nothing is matched or created', flag),
  sides: byName(
    object({
      id: optional(text),
      exists: optional(flag),
      inScope: optional(described('False: `when` leaves it out', flag)),
      modified: optional(time),
    }),
  ),
  issue: optional(ref(Issue)),
  pendingCreate: optional(
    described('A create that was begun and is not known to have ended', object({ at: time, review: flag })),
  ),
  match: optional(
    described(
      'How it would find its counterpart',
      object({ found: oneOf(['none', 'one', 'review']), rule: optional(text), candidates: list(RecordRef) }),
    ),
  ),
  properties: list(ExplainedProperty),
  lost: described('Values that lost a conflict, the newest first', list(ref(OverwrittenValue))),
});
export type Explanation = Static<typeof Explanation>;

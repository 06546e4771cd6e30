/** Events: webhooks of systems, which come in, and live events, which go out. */
import { BRAKE_KINDS } from '../engine/index.ts';
import { Outcome, RecordRef } from './outcome.ts';
import { BRAKE_ACTIONS } from './review.ts';
import { count, described, flag, object, oneOf, optional, type Static, text, time } from './schema.ts';

export const WebhookParams = object({ system: text, key: described("Secret of this system's webhook address", text) });
export const Handshake = object({}, { description: 'Handshake: the header came back' });
export const Accepted = object({ queued: described('Records that will be looked at', count) });

export const EventsQuery = object({ mapping: optional(text) });

/** Data of the live event `outcome`. */
export const OutcomeEvent = object({
  at: time,
  mapping: text,
  record: RecordRef,
  ms: described('How long it took', count),
  outcome: Outcome,
});
export type OutcomeEvent = Static<typeof OutcomeEvent>;

/** Data of the live event `brake`. */
export const BrakeEvent = object({
  at: time,
  mapping: text,
  on: flag,
  brake: object({
    kind: oneOf(BRAKE_KINDS),
    by: oneOf(['scan', 'writes']),
    count,
    limit: count,
    linked: count,
    answer: optional(oneOf(BRAKE_ACTIONS)),
  }),
  reason: optional(text),
});
export type BrakeEvent = Static<typeof BrakeEvent>;

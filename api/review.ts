/** Reviews: what a person must decide, and the deciding. */
import Type from 'typebox';
import { BRAKE_KINDS } from '../engine/index.ts';
import { issueFields } from './issue.ts';
import { Outcome, RecordRef } from './outcome.ts';
import {
  byName,
  count,
  described,
  id,
  list,
  object,
  oneOf,
  optional,
  page,
  ref,
  type Static,
  shallowPaging,
  text,
  time,
} from './schema.ts';

/** What can be decided about a record; of a brake: `BRAKE_ACTIONS`. */
export const REVIEW_ACTIONS = ['link', 'create', 'take', 'delete', 'ignore'] as const;
export type ReviewAction = (typeof REVIEW_ACTIONS)[number];
export const BRAKE_ACTIONS = ['continue', 'discard'] as const;

const brakeKind = oneOf(BRAKE_KINDS);

/** The brake of a mapping in few words. */
export const BrakeOn = object({ kind: brakeKind, reason: text, since: time });

/** Of a decision that concerns many records. */
export const consequence = {
  follows: described('What happens next', text),
  undo: described('The command that stops it or brings it back', text),
};

export const Review = object({
  mapping: text,
  side: optional(described('Of a record', text)),
  id: optional(described('Of a record', text)),
  ids: optional(described('Both ids, where it is linked', byName(text))),
  ...issueFields,
  kind: oneOf(['review', 'brake']),
  review: described('Its name, for POST /reviews/:id/resolve', text),
  actions: described('What can be done about it', list(text)),
  brake: optional(
    object({
      kind: described('What there was too much of', brakeKind),
      by: oneOf(
        ['scan', 'writes'],
        'scan: linked records were missing when everything was read; writes: they were counted one by one',
      ),
      count: described('Records concerned when it went on, or in the latest scan', count),
      limit: described('Records that may be', count),
      linked: described('Linked records, of which these are a part', count),
      waiting: described(
        'Records that wait for the answer, by what would be done to them; `other` are plain updates',
        object({ deletes: count, creates: count, clears: count, other: count }),
      ),
      sample: described('Some of the records that the brake is about', list(RecordRef)),
    }),
  ),
});
export type Review = Static<typeof Review>;

export const ReviewsQuery = object({ mapping: optional(text), ...shallowPaging });
export const ReviewPage = object({ reviews: list(Review), ...page });
export type ReviewPage = Static<typeof ReviewPage>;

export const ResolveParams = object({ id: text });
export const ResolveBody = object({
  action: oneOf([...REVIEW_ACTIONS, ...BRAKE_ACTIONS]),
  counterpart: optional(described('For link: id of the record on the other side', id)),
  side: optional(described('For take: the side whose values win', text)),
  property: optional(described('For take: only this property', text)),
  properties: optional(
    described(
      'For take: the side that wins, by the name of the property',
      Type.Unsafe<Readonly<Record<string, string>>>({ ...byName(text), minProperties: 1 }),
    ),
  ),
});
export type ResolveBody = Static<typeof ResolveBody>;
export const Resolved = object({
  review: text,
  action: text,
  outcome: optional(ref(Outcome)),
  released: optional(described('Of a brake: records that go on', count)),
  follows: optional(described('Of a brake: what happens next', text)),
  undo: optional(described('Of a brake: the command that stops it or brings it back', text)),
});
export type Resolved = Static<typeof Resolved>;

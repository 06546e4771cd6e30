/** Issues: the records that wait, and why. */
import Type from 'typebox';
import { ISSUES } from '../engine/index.ts';
import { RecordRef } from './outcome.ts';
import {
  byName,
  count,
  described,
  id,
  list,
  object,
  optional,
  page,
  ref,
  type Static,
  shallowPaging,
  text,
  time,
  widePaging,
  wordOf,
} from './schema.ts';

const kind = wordOf(ISSUES);

export const issueFields = {
  kind,
  code: optional(text),
  reason: text,
  property: optional(text),
  since: time,
  candidates: optional(list(RecordRef)),
  waitsFor: optional(
    described('Records whose links it waits for', list(object({ mapping: text, side: text, id: text }))),
  ),
  job: optional(described('The failed job', text)),
};

export const Issue = object(issueFields, { $id: 'Issue' });
export type Issue = Static<typeof Issue>;

export const RecordIssue = object(
  {
    mapping: text,
    side: text,
    id: text,
    ids: optional(described('Both ids, where it is linked', byName(text))),
    ...issueFields,
    review: optional(described('Name of the review, for POST /reviews/:id/resolve', text)),
    actions: optional(described('What can be done about the review', list(text))),
  },
  { $id: 'RecordIssue' },
);
export type RecordIssue = Static<typeof RecordIssue>;

const before = described(
  'ISO 8601: only those that wait since before then',
  // In UTC, and without leap seconds, which no Date can hold.
  Type.String({ format: 'date-time', pattern: '^\\d{4}-\\d{2}-\\d{2}T\\d{2}:\\d{2}:[0-5]\\d(\\.\\d{1,9})?Z$' }),
);
const filter = { mapping: optional(text), kind: optional(kind), side: optional(text), code: optional(text) };

export const IssuesQuery = object({ ...filter, id: optional(id), before: optional(before), ...shallowPaging });
export const IssuePage = object({ records: list(ref(RecordIssue)), ...page });
export type IssuePage = Static<typeof IssuePage>;

/** Records with an issue of the same kind, code and property. */
export const IssueReason = object({
  mapping: text,
  kind,
  code: optional(text),
  property: optional(text),
  reason: described('In words, of one of them', text),
  count,
  since: described('Since when the first of them waits', time),
});
export type IssueReason = Static<typeof IssueReason>;
export const IssueReasonsQuery = object({ ...filter, before: optional(before), ...widePaging });
export const IssueReasonPage = object({ reasons: list(IssueReason), ...page });
export type IssueReasonPage = Static<typeof IssueReasonPage>;

export const RetryBody = object({ ...filter, id: optional(id) });
export const Retried = object({ queued: count, runs: list(text) });
export type Retried = Static<typeof Retried>;

/** Short words for the decisions about one unit: what is open about it, which issue it gets, what is recorded. Pure. */
import type { Mapping } from '../config/types.ts';
import type { ErrorCode, TandemError } from '../errors.ts';
import { type Outcome, outcome as outcomeOf } from '../model/outcome.ts';
import { flip } from '../model/pair.ts';
import { recordKey } from '../model/record-key.ts';
import type {
  Issue,
  Link,
  LinkState,
  OpenEntry,
  OpenPatch,
  PendingWrite,
  RecordKey,
  UnlinkedIndex,
} from '../store/types.ts';
import type { Action, Commit, Question, Step } from '../sync/actions.ts';
import type { Facts, Reference } from '../sync/facts.ts';
import type { RecordView } from '../sync/view.ts';
import { otherSide, type Pair, type SideIndex } from '../types.ts';
import { fingerprintOf } from './base.ts';
import { indexEntry, matchPart, unlinkedState } from './record-state.ts';

export const ask = (question: Question): Step => ({ kind: 'ask', question });
export const act = (action: Action, outcome: Outcome): Step => ({ kind: 'act', action, outcome });
export const fail = (error: TandemError): Step => ({ kind: 'fail', error });
export { outcome as outcomeOf } from '../model/outcome.ts';
export const end = (outcome: Outcome): Step => ({ kind: 'end', outcome });

/** The key under which everything open about the unit stands: that of its record on side 0, where it is a link. */
export const keyOf = ({ stored, side, id }: Facts): RecordKey =>
  stored.link ? recordKey(0, stored.link.ids[0]) : recordKey(side, id);

export const entryOf = (facts: Facts): OpenEntry => facts.stored.open[keyOf(facts)] ?? {};

/** Writes that were begun since the link was committed; those begun before are history. */
export function pendingOf(facts: Facts, { revision, ids }: Pick<Link, 'revision' | 'ids'>): readonly PendingWrite[] {
  const { pendingWrites } = entryOf(facts);
  return pendingWrites?.revision === revision && pendingWrites.ids[1] === ids[1] ? pendingWrites.writes : [];
}

/** What is the matter with a unit, before it is noted when, by whom and under which version. */
export type Trouble = Omit<Issue, 'mapping' | 'since' | 'job'>;

/** @returns the issue; the same trouble as before goes on since then, though the words of a system may differ */
export function issueOf(facts: Facts, trouble: Trouble): Issue {
  const former = entryOf(facts).issue;
  const same = former?.kind === trouble.kind && former.code === trouble.code && former.property === trouble.property;
  return { ...trouble, mapping: facts.mapping.version, since: same ? former.since : facts.stored.now };
}

/** Whether a record that was absent is so when it is read once more; undefined: not asked yet. */
export const absentTwice = (facts: Facts, side: SideIndex, id: string): boolean | undefined =>
  facts.absentTwice?.[recordKey(side, id)];

/** What a unit is in trouble for, after an error that another try would meet too. */
export const troubleOf = (error: TandemError, refs: readonly Reference[] = []): Trouble => ({
  kind: error.code === 'REFERENCE_WAITING' ? 'waiting' : 'failed',
  code: error.code,
  reason: error.message,
  ...(error.context.property === undefined ? {} : { property: error.context.property }),
  ...(error.code === 'REFERENCE_WAITING' ? { refs: refs.map(({ mapping, side, id }) => ({ mapping, side, id })) } : {}),
});

export const outcomeOfError = ({ code, message, context }: TandemError): Outcome =>
  outcomeOf(code === 'REFERENCE_WAITING' ? 'waiting' : 'failed', {
    code: code satisfies ErrorCode,
    reason: message,
    ...(context.property === undefined ? {} : { property: context.property }),
  });

/** What becomes of these is open: somebody decides or corrects something, or another record is linked. */
const UNDECIDED: ReadonlySet<Issue['kind']> = new Set(['failed', 'waiting', 'review']);

/**
 * Records that refer to this one wait no longer to learn whether it gets a counterpart. What the brake blocks may get
 * one yet, and what nothing refers to gets one as soon as something does.
 * @param onDemand its counterpart is created on demand: the wait of a record that refers to it is its demand, which must last
 */
export const isSettled = (issue: Pick<Issue, 'kind' | 'code'> | undefined, onDemand: boolean): boolean =>
  issue !== undefined &&
  issue.kind !== 'blocked' &&
  issue.code !== 'NOT_REFERENCED' &&
  !(onDemand && UNDECIDED.has(issue.kind));

/** Whether counterparts of a side's records are created on demand. */
export const isOnDemand = ({ sides }: Pick<Mapping, 'sides'>, side: SideIndex): boolean =>
  sides[otherSide(side)].create === 'on-demand';

export const nothing: Commit = {
  result: { kind: 'none' },
  handled: [undefined, undefined],
  index: [[], []],
  written: [undefined, undefined],
  ownWrites: [undefined, undefined],
};

/** Of the records that it waits for, those that nobody has looked at are looked at. */
export const waiting = (refs: readonly Reference[]): Pick<Commit, 'waitFor' | 'mark'> =>
  refs.length === 0
    ? {}
    : {
        waitFor: refs.map(({ mapping, side, id }) => ({ mapping, side, id })),
        mark: refs.filter(({ settled }) => !settled).map(({ mapping, side, id }) => ({ mapping, side, id })),
      };

/** Nobody works on the create any more: what may be its result is no longer kept waiting, but goes to a person. */
export const abandoned = (pendingCreate: OpenEntry['pendingCreate']): Pick<OpenPatch, 'pendingCreate'> =>
  pendingCreate && !pendingCreate.review ? { pendingCreate: { ...pendingCreate, review: true } } : {};

export interface IssueDetails {
  /** What changes of what is open beside the issue. */
  readonly open?: OpenPatch;
  readonly commit?: Partial<Commit>;
}

/**
 * A record without a link is in trouble in the state it is in. Failing or waiting does not take it out of a brake, whose
 * answer is about it too.
 */
export function raiseIssue(
  facts: Facts,
  view: RecordView,
  trouble: Trouble,
  outcome: Outcome,
  { open = {}, commit: more = {} }: IssueDetails = {},
): Step {
  const { issue: former, pendingCreate } = entryOf(facts);
  const key = keyOf(facts);
  const state = unlinkedState(facts.mapping, view);
  const issue = issueOf(facts, { ...trouble, ...blockedStill(former, trouble) });
  const before = facts.stored.unlinked?.state;
  const onDemand = isOnDemand(facts.mapping, view.side);
  const moved = before === undefined || matchPart(before) !== matchPart(state);
  const commit: Commit = {
    ...nothing,
    result: { kind: 'unlinked', record: { side: view.side, id: view.record.id }, state, index: indexOf(view) },
    handled: flip(view.side, [view, undefined]),
    open: { [key]: { ...abandoned(pendingCreate), ...(facts.choice ? { decision: null } : {}), ...open, issue } },
    ...(isSettled(issue, onDemand) && !isSettled(former, onDemand) ? { markDependents: [key] } : {}),
    ...(moved ? { markAllDependents: [key] } : {}),
    ...(trouble.candidates ? { watch: trouble.candidates } : {}),
    ...more,
  };
  return act({ do: 'commit', commit, last: true }, outcome);
}

/** One that is out of scope is found by whom it names only. */
const indexOf = (view: RecordView): UnlinkedIndex | null =>
  view.inScope || view.correlationId !== undefined ? indexEntry(view) : null;

/** What a brake blocked stays known by it, until it is handled. */
function blockedStill(before: Issue | undefined, { kind }: Trouble): Partial<Trouble> {
  if (before?.brake === undefined || before.change === undefined || (kind !== 'failed' && kind !== 'waiting'))
    return {};
  return { brake: before.brake, change: before.change };
}

/** A link as it was, in these states. */
export const linkResult = (
  facts: Facts,
  link: Omit<LinkState, 'revision'> & { readonly revision?: number | undefined },
): Commit['result'] => ({ kind: 'link', link: { revision: facts.stored.link?.revision, ...link } });

/**
 * A link of which nothing can be decided now, in the states that its records are in. Its pending writes stay noted, but for those
 * that a record shows not to be done.
 */
export const undecidedLink = (
  facts: Facts,
  link: Link,
  { base, lastSynced }: Pick<Link, 'base' | 'lastSynced'>,
): Commit['result'] => {
  const { ids, unconfirmed, correlation } = link;
  const pending = pendingOf(facts, link).filter((write) => !isRefuted(facts, write));
  const result = linkResult(facts, { ids, base, unconfirmed, correlation, lastSynced });
  return { ...result, ...(pending.length > 0 ? { pending } : {}) };
};

function isRefuted(facts: Facts, { side, property, sent }: PendingWrite): boolean {
  const view = viewOn(facts, side);
  const { lag } = facts.mapping.sides[side].entity;
  return view !== undefined && lag === 0 && fingerprintOf(facts.mapping, view, property) !== sent;
}

/** What is open about a link stands under its record on side 0, and nothing under the other. */
export const openOfLink = (ids: Pair<string>, patch: OpenPatch): NonNullable<Commit['open']> => ({
  [recordKey(0, ids[0])]: patch,
  [recordKey(1, ids[1])]: { issue: null, decision: null, pendingCreate: null },
});

export const viewOn = (facts: Facts, side: SideIndex): RecordView | undefined => {
  const fact = facts.records[side];
  return fact?.kind === 'present' ? fact.view : undefined;
};

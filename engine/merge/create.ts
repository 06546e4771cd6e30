/**
 * Creates the counterpart of a record exactly once. Before the POST a pending create is stored, after it link and base in
 * one step. A pending create that is found on a retry means that the outcome is not known: its result is looked for
 * before anything is posted again. Pure.
 */
import type { Mapping, MappingSide } from '../config/types.ts';
import { TandemError } from '../errors.ts';
import { EMPTY } from '../expression/values.ts';
import { changeTo, type Outcome } from '../model/outcome.ts';
import { flip, mapPair } from '../model/pair.ts';
import { recordKey } from '../model/record-key.ts';
import { type PendingCreate, UNKNOWN_VALUE, type Unsettled } from '../store/types.ts';
import type { Commit, Step } from '../sync/actions.ts';
import type { Facts, NewRecord } from '../sync/facts.ts';
import type { RecordView } from '../sync/view.ts';
import { type Base, otherSide, type Pair, type PropertyBase } from '../types.ts';
import { baseOfCreate, entryFrom, fingerprintOf, marked } from './base.ts';
import { ownWriteOf } from './foreign.ts';
import { lacksCorrelation } from './linked.ts';
import { merge, type PropertyWrite } from './merge.ts';
import { blockedTrouble, hasEnded, permitFor, seenIn } from './permit.ts';
import { lossIn, nextLook } from './readback.ts';
import { linkedState, stateToStore, unlinkedState } from './record-state.ts';
import { isComparable, sentUnder } from './sent-under.ts';
import { resultOfCreate, sameSent, suspicionOf } from './unconfirmed.ts';
import {
  act,
  ask,
  end,
  entryOf,
  fail,
  isOnDemand,
  issueOf,
  linkResult,
  nothing,
  openOfLink,
  outcomeOf,
  outcomeOfError,
  raiseIssue,
  troubleOf,
  waiting,
} from './unit.ts';

type Sendable = Extract<NewRecord, { ok: true }>;

/**
 * A create of this record's counterpart that was begun before; a person who says so has found out that it came to nothing. A
 * record that is known to be made is linked all the same, unless it is gone by now.
 */
export function pendingCreateOf(facts: Facts): PendingCreate | undefined {
  const { pendingCreate } = entryOf(facts);
  if (facts.choice?.kind !== 'create' || !pendingCreate?.review) return pendingCreate;
  return pendingCreate.made === undefined || madeIsGone(facts, pendingCreate) ? undefined : pendingCreate;
}

function madeIsGone({ mapping, side, stored, found }: Facts, { at, madeAt = at }: PendingCreate): boolean {
  return found?.records.length === 0 && stored.now - madeAt >= mapping.sides[otherSide(side)].entity.lag;
}

/**
 * The record that a create has made, by its id, is not shown: it is not created again, and linked once it shows. Where it is not
 * shown for longer than reads may lag, somebody has deleted it.
 */
export function notShown(facts: Facts, source: RecordView, pending: PendingCreate, made: string): Step {
  const { name, entity, index } = facts.mapping.sides[otherSide(source.side)];
  if (madeIsGone(facts, pending)) {
    const reason = `${name} created record ${made} and does not show it: it may have been deleted. A person decides whether it is created again.`;
    const trouble = { kind: 'review', code: 'OUTCOME_UNKNOWN', reason, candidates: [recordKey(index, made)] } as const;
    return raiseIssue(facts, source, trouble, outcomeOf('review', { code: 'OUTCOME_UNKNOWN', reason }));
  }
  const words = `${name} created record ${made} and does not show it yet: it is linked as soon as it does, and not created again.`;
  const context = { system: entity.system, entity: entity.name, id: made };
  return fail(new TandemError('SYSTEM_UNAVAILABLE', words, context));
}

/** The id that a create has answered is that of a linked record, which is gone by now. It is not created again, and linked once that link ends. */
export function madeIsTaken(facts: Facts, source: RecordView, made: string): Step {
  const { name, index } = facts.mapping.sides[otherSide(source.side)];
  const reason = `${name} gave the new record the id ${made} of another one, which is linked: break that link, and this one is linked.`;
  const trouble = { kind: 'review', code: 'ID_REUSED', reason, candidates: [recordKey(index, made)] } as const;
  return raiseIssue(facts, source, trouble, outcomeOf('review', { code: 'ID_REUSED', reason }));
}

/** The record has no link and no candidate; its claims are held. */
export function decideCreate(facts: Facts, source: RecordView): Step {
  const { mapping } = facts;
  const target = mapping.sides[otherSide(source.side)];
  const pending = pendingCreateOf(facts);
  // Who began a create of its own was there before: it is no result of another one. Else two could wait for each other.
  if (facts.choice?.kind !== 'create' && !pending) {
    const suspected = suspect(facts, source);
    if (suspected) return suspected;
  }
  if (!target.create) {
    const reason = `No record in ${target.name} matches it, and the mapping creates none there.`;
    return raiseIssue(facts, source, { kind: 'unmatched', reason }, outcomeOf('unmatched'), {
      commit: { noFirstSync: true },
    });
  }
  if (isOnDemand(mapping, source.side) && facts.choice?.kind !== 'create' && !pending) {
    if (facts.waitedFor === undefined) return ask({ ask: 'waiters' });
    if (!facts.waitedFor) return notReferenced(facts, source);
  }
  const sent = facts.newRecord;
  if (!sent) return ask({ ask: 'new-record', view: source });
  if (!sent.ok) {
    // What a system could not answer just now is asked again.
    if (sent.error.retry !== 'never') return fail(sent.error);
    const trouble = troubleOf(sent.error, sent.refs);
    return raiseIssue(facts, source, trouble, outcomeOfError(sent.error), {
      commit: trouble.kind === 'waiting' ? waiting(sent.refs) : {},
    });
  }
  // It was looked for before anybody else was.
  const former = pending && resultOfCreate(mapping, source, pending, facts.found!);
  if (former?.kind === 'found') return linkCreated(facts, source, former.view, sent, pending);
  const { created } = facts.results;
  if (created?.kind === 'created') return linkCreated(facts, source, created.view, sent, undefined);
  if (created) return notCreated(facts, source, created.error, former?.kind === 'unknown');
  return send(facts, source, sent, pending, former?.kind === 'unknown');
}

/** What is created on demand waits for a record that refers to it. One that refers to it later marks it dirty. */
function notReferenced(facts: Facts, source: RecordView): Step {
  const { name } = facts.mapping.sides[otherSide(source.side)];
  const code = 'NOT_REFERENCED';
  const reason = `No record in ${name} matches it, and nothing that is synchronized refers to it: its counterpart is created once something does.`;
  return raiseIssue(facts, source, { kind: 'unmatched', code, reason }, outcomeOf('unmatched', { code, reason }));
}

/** A record that may be the result of another create waits for its end, or for a person. */
function suspect(facts: Facts, source: RecordView): Step | undefined {
  if (!facts.openCreates) return ask({ ask: 'open-creates', view: source });
  const suspicion = suspicionOf(facts, source, facts.openCreates);
  if (suspicion.kind === 'none') return undefined;
  if (suspicion.kind === 'wait') {
    const words = 'The record may be the result of a create whose outcome is not known yet.';
    return fail(
      new TandemError('RECORD_LOCKED', words, { retryAfter: suspicion.underWay ? UNDER_WAY_WAIT : NEXT_TRY_WAIT }),
    );
  }
  return unknownOutcome(facts, source, suspicion.reason);
}

/** How long a record that may be the result of a create waits before it asks again, in ms: while that create is under
 * way, and while it waits for its next try. */
const UNDER_WAY_WAIT = 300;
const NEXT_TRY_WAIT = 5_000;

function unknownOutcome(facts: Facts, source: RecordView, reason: string): Step {
  const outcome = outcomeOf('review', { code: 'OUTCOME_UNKNOWN', reason });
  return raiseIssue(facts, source, { kind: 'review', code: 'OUTCOME_UNKNOWN', reason }, outcome);
}

/** @param unknown whether the outcome of an earlier try is still not known */
function send(
  facts: Facts,
  source: RecordView,
  sent: Sendable,
  pending: PendingCreate | undefined,
  unknown: boolean,
): Step {
  const { mapping, stored, results } = facts;
  const target = mapping.sides[otherSide(source.side)];
  const content = contentOf(mapping, source, sent);
  const same = pending !== undefined && sameSent(pending, content);
  // Where nothing can be searched, only a key that the system remembers makes it safe to post the same again.
  if (unknown && !(facts.capabilities[otherSide(source.side)].create!.idempotent && same)) {
    const reason = `It is not known whether the record was created in ${target.name}, and it cannot be searched for there: a person decides.`;
    return unknownOutcome(facts, source, reason);
  }
  const planned = createdOutcome(source, sent, undefined);
  if (results.begun) return act({ do: 'create', side: target.index, data: sent.data, key: results.begun.key }, planned);
  // Where the system remembers the key, posting the same again makes no second record.
  if (pending && !unknown && !(target.entity.create!.idempotency && same)) {
    const wait = searchAgain(facts, source, pending, target, planned);
    if (wait) return wait;
  }
  const create = {
    side: source.side,
    id: source.record.id,
    pending: {
      at: pending?.at ?? stored.now,
      // The same content under the same key; other content is another create, for a key stands for one body.
      key: same ? pending.key : facts.key,
      ...content,
    },
  };
  if (facts.choice?.kind === 'create') return act({ do: 'begin', consume: undefined, create }, planned);
  const sameState = stored.unlinked?.state === unlinkedState(mapping, source);
  const seen = seenIn(mapping, source);
  const permit = permitFor(facts, 'creates', { seen, sameState, untouched: sameState });
  switch (permit.kind) {
    case 'ask':
      return ask({ ask: 'allowance', kind: 'creates' });
    case 'allow':
      return act({ do: 'begin', consume: { allowance: permit.allowance }, create }, planned);
    case 'reject': {
      const reason = `A person decided that it gets no counterpart in ${target.name} for now.`;
      const decision = { kind: 'creates', seen } as const;
      return raiseIssue(facts, source, { kind: 'unmatched', reason, kept: true }, outcomeOf('unmatched', { reason }), {
        open: { decision },
      });
    }
    case 'block': {
      const trouble = blockedTrouble(mapping, permit, 'creates');
      const outcome = outcomeOf('waiting', { code: trouble.code!, reason: trouble.reason });
      return raiseIssue(facts, source, trouble, outcome, {
        open: hasEnded(facts, 'creates', seen) ? { decision: null } : {},
        commit: { blockedBy: permit.brake.id },
      });
    }
  }
}

/**
 * A search may show a new record late. So after a create of unknown outcome nothing is posted again before the target has
 * been searched in vain, ever later, for as long as its reads may lag.
 */
function searchAgain(
  { stored, results }: Facts,
  { side, record }: RecordView,
  { key, notFoundSince }: PendingCreate,
  { name, entity }: MappingSide,
  planned: Outcome,
): Step | undefined {
  if (notFoundSince === undefined && !results.notFoundNoted && entity.lag > 0)
    return act({ do: 'note-not-found', side, id: record.id, key, at: stored.now }, planned);
  const age = stored.now - (notFoundSince ?? stored.now);
  if (age >= entity.lag) return undefined;
  const words =
    `It is not known whether the record was created in ${name}, which does not show it. It is searched for again: ` +
    'it is only created once it has not been found for as long as reads may lag.';
  const retryAfter = Math.min(nextLook(age), entity.lag - age);
  return fail(new TandemError('OUTCOME_UNKNOWN', words, { paused: true, retryAfter }));
}

const fingerprintsOf = ({ writes }: Sendable): PendingCreate['sent'] =>
  Object.fromEntries(writes.map(({ property, fingerprint }) => [property, fingerprint]));

/** What is sent, as it is stored before. */
function contentOf(mapping: Mapping, source: RecordView, record: Sendable): Omit<PendingCreate, 'at' | 'key'> {
  const sent = fingerprintsOf(record);
  return { sent, keys: source.keys.map((key) => key ?? null), ...sentUnder(mapping, source.side, sent) };
}

/** Nothing was created: the system said no, or was never reached. */
function notCreated(facts: Facts, source: RecordView, error: TandemError, unknown: boolean): Step {
  if (error.retry === 'never' && error.code !== 'LINK_TAKEN') {
    const open = unknown ? {} : { pendingCreate: null };
    return raiseIssue(facts, source, troubleOf(error), outcomeOfError(error), { open });
  }
  // Another try posts again without looking for a result that cannot be there.
  if (unknown || facts.results.withdrawn) return fail(error);
  const { side, record } = source;
  return act({ do: 'withdraw-create', side, id: record.id, key: facts.results.begun!.key! }, outcomeOfError(error));
}

function createdOutcome(source: RecordView, { writes }: Sendable, ids: Pair<string> | undefined): Outcome {
  const side = otherSide(source.side);
  return outcomeOf('created', {
    side,
    writes: flip(side, [writes.map(({ property }) => property), []]),
    ...(ids ? { ids, changes: changeTo(side, source.record.modified) } : {}),
  });
}

/** @param pending the create of an earlier try, whose result the counterpart is */
function linkCreated(
  facts: Facts,
  source: RecordView,
  counterpart: RecordView,
  sent: Sendable,
  pending: PendingCreate | undefined,
): Step {
  const { mapping, results } = facts;
  const { side } = source;
  const views = flip(side, [source, counterpart]);
  const ids = [views[0].record.id, views[1].record.id] as const;
  const outcome = createdOutcome(source, sent, ids);
  const claim = recordKey(counterpart.side, counterpart.record.id);
  if (!results.locked.includes(claim)) return act({ do: 'lock', claims: [claim] }, outcome);
  const exact = facts.capabilities[counterpart.side].create!.returns === 'record';
  // What was edited in the source since an earlier try was not sent by it; nor is that known under another definition.
  const edited = ({ property, fingerprint }: PropertyWrite): boolean =>
    pending !== undefined &&
    (pending.sent[property] !== fingerprint || !isComparable(mapping, counterpart.side, pending, property));
  // What was shown as it was sent, and is empty since the record was modified, was cleared there: it is no loss.
  const modified = pending?.intactAt ? counterpart.record.modified !== pending.intactAt : false;
  const cleared = ({ property }: PropertyWrite): boolean =>
    modified && fingerprintOf(mapping, counterpart, property) === EMPTY;
  const lost = lostOf(
    facts,
    counterpart,
    sent.writes.filter((write) => !edited(write) && !cleared(write)),
  );
  const cut = lostOf(facts, counterpart, sent.writes.filter(edited));
  const begun = baseOfCreate(mapping, source, counterpart, fingerprintsOf(sent), { begun: pending, exact });
  const base = withoutLost(mapping, begun, counterpart, [...lost.keys(), ...cut.keys()]);
  if (!facts.conversions) return ask({ ask: 'conversions', views, base });
  // What the target filled in by itself, and what flows back, has had no first contact yet.
  const properties = facts.conversions.properties.filter(({ name }) => !lost.has(name));
  const rest = merge({ base, modified: [undefined, undefined], properties });
  const unfinished = rest.decisions.some(({ rule, writes }) => writes !== undefined || rule === 'review');
  const agreed = unfinished ? base : withoutLost(mapping, rest.base, counterpart, [...lost.keys()]);
  const link = { ids, base: marked(mapping, agreed), views, unfinished, lost };
  const correlate = lacksCorrelation(facts, source, counterpart.record.id);
  if (results.committed === undefined) return commitCreated(facts, source, link, correlate, outcome);
  return correlateSource(facts, source, counterpart, link, pending !== undefined, outcome);
}

interface NewLink {
  readonly ids: Pair<string>;
  readonly views: Pair<RecordView>;
  readonly base: Base;
  /** Something is still to be written back, so the pair is looked at once more. */
  readonly unfinished: boolean;
  /** What the target did not store as it was sent, by property. */
  readonly lost: ReadonlyMap<string, TandemError>;
}

/** @returns the modification time of a new record that shows all that was sent, be it in forms of its own; '' else */
export const intactAt = (facts: Facts, made: RecordView): string =>
  facts.newRecord?.ok && lostOf(facts, made, facts.newRecord.writes).size === 0 ? (made.record.modified ?? '') : '';

/** The new record shows less than was sent: a cut text, a rounded number, nothing. Nobody has edited it there. */
function lostOf(facts: Facts, counterpart: RecordView, writes: readonly PropertyWrite[]): NewLink['lost'] {
  return new Map(
    writes.flatMap((write) => {
      const same = fingerprintOf(facts.mapping, counterpart, write.property) === write.fingerprint;
      const error = same ? undefined : lossIn(facts, counterpart, write);
      return error ? [[write.property, error] as const] : [];
    }),
  );
}

/** What was not stored as it was sent is no agreement: an edit of either side is a change. */
function withoutLost(mapping: Mapping, base: Base, counterpart: RecordView, lost: readonly string[]): Base {
  const entries = lost.map((name): [string, PropertyBase] => [
    name,
    entryFrom(counterpart.side, fingerprintOf(mapping, counterpart, name), UNKNOWN_VALUE),
  ]);
  return { ...base, ...Object.fromEntries(entries) };
}

/** Each of these is left alone until it is edited, and a person learns of the first. */
function openOfLost(facts: Facts, { ids, views, lost }: NewLink): Pick<Commit, 'open'> {
  const [first] = lost.values();
  if (!first) return {};
  const unsettled = [...lost].map(([name, error]): [string, Unsettled] => {
    const values = mapPair(views, (view) => fingerprintOf(facts.mapping, view, name));
    return [name, { halt: { values, code: error.code, reason: error.message }, returns: 0, at: facts.stored.now }];
  });
  const issue = issueOf(facts, troubleOf(first));
  return { open: openOfLink(ids, { issue, unsettled: Object.fromEntries(unsettled) }) };
}

/** Until the source names its counterpart too, its state is not known: were this process to end now, the next scan goes on. */
function commitCreated(facts: Facts, source: RecordView, link: NewLink, correlate: boolean, outcome: Outcome): Step {
  const { mapping } = facts;
  const { ids, views, base, unfinished } = link;
  const open = (view: RecordView): boolean => unfinished || (correlate && view.side === source.side);
  const counterpart = views[otherSide(source.side)];
  const commit: Commit = {
    ...nothing,
    result: linkResult(facts, {
      ids,
      base,
      unconfirmed: [],
      correlation: mapPair(views, ({ side }) => (correlate && side === source.side ? 'new' : undefined)),
      lastSynced: mapPair(views, (view) => (open(view) ? '' : linkedState(mapping, view))),
    }),
    mark: unfinished ? [{ mapping: mapping.name, side: source.side, id: source.record.id }] : [],
    handled: views,
    written: flip(counterpart.side, [counterpart.record.id, undefined]),
    ownWrites: flip(counterpart.side, [ownWriteOf(undefined, counterpart, []), undefined]),
    ...openOfLost(facts, link),
  };
  return act({ do: 'commit', commit, last: !correlate }, outcome);
}

/**
 * The counterpart is written to the source. The link stands, whatever becomes of this: what fails now is tried again by
 * another look.
 * @param found the counterpart was not created just now, so the brake has not been asked
 */
function correlateSource(
  facts: Facts,
  source: RecordView,
  counterpart: RecordView,
  { ids, views, base, unfinished }: NewLink,
  found: boolean,
  outcome: Outcome,
): Step {
  const { mapping, results } = facts;
  const { side } = source;
  const again: Commit = { ...nothing, mark: [{ mapping: mapping.name, side, id: source.record.id }] };
  const result = results.correlated[side];
  if (result === undefined) {
    if (found && permitFor(facts, undefined).kind === 'block')
      return act({ do: 'commit', commit: again, last: true }, outcome);
    return act({ do: 'correlate', side, view: source, counterpart: counterpart.record.id }, outcome);
  }
  if (result && 'error' in result) return act({ do: 'commit', commit: again, last: true }, outcome);
  if (unfinished) return end(outcome);
  const named = result ? result.view : source;
  const notes = flip(side, [result ? undefined : ('refused' as const), undefined]);
  const link = {
    ids,
    base,
    unconfirmed: [],
    correlation: notes,
    lastSynced: mapPair(views, (view) => stateToStore(mapping, view, notes[view.side])),
    revision: results.committed,
  };
  const commit: Commit = {
    ...nothing,
    result: linkResult(facts, link),
    handled: flip(side, [named, counterpart]),
    written: flip(side, [result ? source.record.id : undefined, undefined]),
    ownWrites: flip(side, [result ? ownWriteOf(source, named, facts.stored.ownWrites[side]) : undefined, undefined]),
  };
  return act({ do: 'commit', commit, last: true }, outcome);
}

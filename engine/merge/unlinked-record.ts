/** A record that has no link: whether it takes part at all, whom it belongs to, and whether it gets a counterpart. Pure. */
import type { TandemError } from '../errors.ts';
import { flip } from '../model/pair.ts';
import { matchClaim, parseRecordKey, recordKey } from '../model/record-key.ts';
import type { Commit, Step } from '../sync/actions.ts';
import type { Facts, PartnerFacts } from '../sync/facts.ts';
import type { RecordView } from '../sync/view.ts';
import { otherSide } from '../types.ts';
import { appliedWrites, baseOfMatch, withApplied } from './base.ts';
import { decideCreate, madeIsTaken, notShown, pendingCreateOf } from './create.ts';
import { decideMatch } from './match.ts';
import { decideOtherId } from './other.ts';
import { decidePair } from './pair-to-merge.ts';
import { indexEntry, unreadableState, whyExcluded } from './record-state.ts';
import { decideReturn } from './returning.ts';
import { resultOfCreate } from './unconfirmed.ts';
import {
  abandoned,
  act,
  ask,
  entryOf,
  isOnDemand,
  isSettled,
  issueOf,
  keyOf,
  nothing,
  outcomeOf,
  outcomeOfError,
  raiseIssue,
  troubleOf,
} from './unit.ts';

export function decideUnlinked(facts: Facts): Step {
  const { side, id, mapping, stored, results } = facts;
  const fact = facts.records[side];
  if (!fact) return ask({ ask: 'record', side, id });
  if (fact.kind === 'absent') return absent(facts);
  if (fact.kind === 'other') return decideOtherId(facts, fact.id);
  if (fact.kind === 'unreadable') return unreadable(facts, fact.error);
  const { view } = fact;
  if (!view.inScope) {
    const reason = `${whyExcluded(mapping, view)}.`;
    return raiseIssue(facts, view, { kind: 'unmatched', reason }, outcomeOf('excluded'), {
      open: { decision: null },
      commit: { noFirstSync: true },
    });
  }
  if (!stored.ready) {
    const reason = 'Both sides must be read fully once before anything is matched or created.';
    return act(
      { do: 'commit', commit: { ...nothing, untilReady: true }, last: true },
      outcomeOf('waiting', { reason }),
    );
  }
  // First into the index, then the claims, then the search: of two records that match each other, the second to come
  // sees the first.
  const claims = view.keys.flatMap((key, rule) => (key === undefined ? [] : [matchClaim(rule, key)]));
  if (!results.indexed)
    return act({ do: 'lock', claims, entry: { side, entry: indexEntry(view) } }, outcomeOf('unchanged'));
  return decideCounterpart(facts, view);
}

/** The record does not exist. Records that refer to it learn so from its issue. */
function absent(facts: Facts): Step {
  const { side, id } = facts;
  if (facts.waitedFor === undefined) return ask({ ask: 'waiters' });
  const key = keyOf(facts);
  const issue = facts.waitedFor ? issueOf(facts, { kind: 'orphaned', reason: 'The record does not exist.' }) : null;
  const commit: Commit = {
    ...nothing,
    result: { kind: 'removed', record: { side, id } },
    open: { [key]: { ...abandoned(entryOf(facts).pendingCreate), issue } },
    markAllDependents: [key],
  };
  return act({ do: 'commit', commit, last: true }, outcomeOf('missing'));
}

/** It fails in the same way until it, the mapping or the system file is edited. */
function unreadable(facts: Facts, error: TandemError): Step {
  const { side, id, fingerprinter } = facts;
  const { issue: former, pendingCreate } = entryOf(facts);
  const key = keyOf(facts);
  const issue = issueOf(facts, troubleOf(error));
  const onDemand = isOnDemand(facts.mapping, side);
  const commit: Commit = {
    ...nothing,
    result: { kind: 'unlinked', record: { side, id }, state: unreadableState(fingerprinter, error.message) },
    open: { [key]: { ...abandoned(pendingCreate), issue } },
    ...(!isSettled(issue, onDemand) || isSettled(former, onDemand) ? {} : { markDependents: [key] }),
  };
  return act({ do: 'commit', commit, last: true }, outcomeOfError(error));
}

function decideCounterpart(facts: Facts, view: RecordView): Step {
  const { mapping, choice } = facts;
  // The result of an unconfirmed create goes before anything that only looks like the record.
  const pending = pendingCreateOf(facts);
  if (pending) {
    if (!facts.found) return ask({ ask: 'unconfirmed-create', view, pending });
    if (pending.made !== undefined && facts.found.records.length === 0)
      return notShown(facts, view, pending, pending.made);
    if (pending.made !== undefined && facts.found.records.every(({ linked }) => linked))
      return madeIsTaken(facts, view, pending.made);
    if (resultOfCreate(mapping, view, pending, facts.found).kind === 'found') return decideCreate(facts, view);
  }
  if (choice?.kind === 'create') return decideCreate(facts, view);
  const match = decideMatch(facts, view);
  switch (match.kind) {
    case 'ask':
      return ask(match.question);
    case 'one':
      return match.former
        ? decideReturn(facts, view, { ...match, former: match.former })
        : decideNewPair(facts, view, match.view);
    case 'review': {
      const { candidates, reason, found } = match;
      const more = { index: flip(otherSide(view.side), [found.map(indexEntry), []]) };
      return review(facts, view, candidates, facts.stored.rules, reason, more);
    }
    case 'none':
      return formerReview(facts, view) ?? decideCreate(facts, view);
  }
}

function review(
  facts: Facts,
  view: RecordView,
  candidates: readonly string[],
  rules: string,
  reason: string,
  more: Partial<Commit> = {},
): Step {
  return raiseIssue(facts, view, { kind: 'review', reason, candidates, rules }, outcomeOf('review', { reason }), {
    commit: more,
  });
}

/**
 * A record that was in review, and has no candidates any more. By the mapping's rules a counterpart of its own would be
 * created, but what was doubtful is not made twice without asking: where one of the others got the counterpart, or where
 * other match rules than those of then find nobody, for an edit of the rules may be a mistake.
 */
function formerReview(facts: Facts, view: RecordView): Step | undefined {
  const { mapping, stored } = facts;
  const { issue } = entryOf(facts);
  const other = mapping.sides[otherSide(view.side)];
  if (!other.create || issue?.kind !== 'review' || !issue.candidates) return undefined;
  const { candidates } = issue;
  if (!facts.matching) return ask({ ask: 'matching-candidates', view, candidates });
  const rivals = facts.matching;
  if (rivals.length > 0) {
    const reason =
      'The records that it could have belonged to are linked to others by now: it may be one too many, so a person decides whether it gets a counterpart.';
    return review(facts, view, rivals, stored.rules, reason);
  }
  const sameRules = issue.rules === undefined ? issue.mapping === mapping.version : issue.rules === stored.rules;
  if (sameRules) return undefined;
  const ids = candidates.map(parseRecordKey).filter(({ side }) => side === other.index);
  if (facts.candidatesExist === undefined)
    return ask({ ask: 'candidates-exist', side: other.index, ids: ids.map(({ id }) => id) });
  if (!facts.candidatesExist) return undefined;
  const reason =
    'By the match rules as they were, records could have belonged to it that do not match it any more: a person decides whether it gets a counterpart.';
  // The rules that found them: looked at again under the present ones, it stays in review.
  return review(facts, view, candidates, issue.rules ?? '', reason);
}

/** Two records that were there already are linked. */
function decideNewPair(facts: Facts, view: RecordView, partner: RecordView): Step {
  const { mapping, results } = facts;
  const claim = recordKey(partner.side, partner.record.id);
  const matched = outcomeOf('matched');
  // One that was only named may not be in the index yet.
  if (!results.locked.includes(claim))
    return act({ do: 'lock', claims: [claim], entry: { side: partner.side, entry: indexEntry(partner) } }, matched);
  if (!facts.partner) return ask({ ask: 'partner', side: partner.side, id: partner.record.id });
  const views = flip(view.side, [view, partner]);
  const creates = flip(view.side, [pendingCreateOf(facts), facts.partner.pendingCreate]);
  const ids = [views[0].record.id, views[1].record.id] as const;
  const [first] = flip(view.side, [entryOf(facts).pendingWrites, facts.partner.pendingWrites]);
  const begun = first?.revision === 0 && first.ids[1] === ids[1] ? first.writes : [];
  const applied = appliedWrites(mapping, views, begun);
  const base = withApplied(baseOfMatch(mapping, views, creates), applied);
  const none = [undefined, undefined] as const;
  const pair = { ids, views, base, applied, pending: begun, unconfirmed: [], correlation: none };
  const step = decidePair(withPartner(facts, facts.partner), pair);
  if (step.kind !== 'act') return step;
  return { ...step, outcome: { ...step.outcome, kind: 'matched' } };
}

/** The partner was read by a search: without a fact of its own it is read again before it is written. */
const withPartner = (facts: Facts, { ownWrites }: PartnerFacts): Facts => ({
  ...facts,
  stored: { ...facts.stored, ownWrites: flip(facts.side, [facts.stored.ownWrites[facts.side], ownWrites]) },
});

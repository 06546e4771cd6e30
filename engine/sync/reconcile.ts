/**
 * Brings one record and its counterpart into agreement, always from their state as it is now: why the record is looked at
 * does not matter. Doing it twice, late, or for nothing is harmless. Gather, decide, apply.
 */
import { randomUUID } from 'node:crypto';
import { asTandemError, TandemError } from '../errors.ts';
import { decide } from '../merge/decide.ts';
import { nothing } from '../merge/unit.ts';
import type { Outcome } from '../model/outcome.ts';
import { mapPair } from '../model/pair.ts';
import type { Brake } from '../store/types.ts';
import type { Commit, Step } from './actions.ts';
import { apply, keepMade } from './apply.ts';
import { type ClaimedUnit, takeBatch } from './batch.ts';
import { lockedError } from './claim-table.ts';
import { commit, type Ending, type Recorded } from './commit.ts';
import type { Choice, Facts, StoredFacts, Unit } from './facts.ts';
import { gather } from './gather.ts';
import type { MappingScope } from './scope.ts';
import { lookUp, storedFacts } from './stored.ts';

/** Far more than any unit needs: one that goes on is a fault of `decide`. */
const MOST_STEPS = 200;

export interface UnitOptions {
  /** What a person decides now. */
  readonly choice?: Choice;
  /** The brake that was on when the unit was taken. */
  readonly brake: Brake | undefined;
  /** What the commit that ends the unit records beside its result. */
  ending?(outcome: Outcome, facts: Facts): Promise<Ending> | Ending;
  /** Is given what the store answered to that commit. */
  recorded?(answer: Recorded): void;
}

/**
 * A unit that was taken. It ends with a commit; where this throws, it is still held.
 * @throws TandemError whose `retry` states whether and how to try again; what needs a person is an issue, not thrown
 */
export async function reconcileUnit(
  scope: MappingScope,
  claimed: ClaimedUnit,
  unit: Unit,
  { choice, brake, ending = () => ({}), recorded = () => {} }: UnitOptions,
): Promise<Outcome> {
  const { now, takenAt, lastEnd } = claimed;
  const stored = await storedFacts(scope, unit, claimed.taken, { now, takenAt, lastEnd, brake, ready: scope.ready });
  let facts = startingFacts(scope, unit, stored, choice);
  try {
    for (let steps = 0; steps < MOST_STEPS; steps++) {
      const step = decide(facts);
      if (step.kind === 'fail') throw step.error;
      if (step.kind === 'end') {
        recorded(await commit(scope, claimed, unit, facts, nothing, await ending(step.outcome, facts)));
        return step.outcome;
      }
      if (step.kind === 'ask') {
        facts = { ...facts, ...(await gather(scope, facts, unit, step.question)) };
      } else if (step.action.do === 'commit') {
        const { action, outcome } = step;
        const end = action.last ? await ending(outcome, facts) : undefined;
        const answer = await commit(scope, claimed, unit, facts, action.commit, end);
        if (action.last) {
          recorded(answer);
          return outcome;
        }
        facts = afterCommit(facts, action.commit, answer.revision);
      } else facts = { ...facts, ...(await apply(scope, claimed.claims, facts, step.action)) };
    }
    throw endless(scope, unit);
  } catch (error) {
    await keepMade(scope, facts);
    throw error;
  }
}

const endless = ({ mapping }: MappingScope, { id }: Unit): TandemError =>
  new TandemError('INTERNAL', 'The decision about a record does not end.', { mapping: mapping.name, id });

/** A commit that was not the last: a new link that is worked on further, or one that ended and is followed by another. */
function afterCommit(facts: Facts, { result }: Commit, revision: number | undefined): Facts {
  if (result.kind === 'removed')
    return { ...facts, stored: { ...facts.stored, link: undefined, unlinked: undefined, open: {}, recent: [] } };
  if (result.kind === 'unlink') {
    const { stored, results } = facts;
    const own = stored.link?.ids[0] === result.ids[0];
    return {
      ...facts,
      stored: own ? { ...stored, link: undefined } : stored,
      results: { ...results, ended: [...(results.ended ?? []), result.ids] },
    };
  }
  return revision === undefined ? facts : { ...facts, results: { ...facts.results, committed: revision } };
}

/**
 * What a person decides about one record, under the same claims as those of workers; what marks it has stay.
 * @throws TandemError RECORD_LOCKED where a worker has it, and as `reconcileUnit`
 */
export async function reconcileByHand(
  scope: MappingScope,
  record: Pick<Unit, 'side' | 'id'>,
  choice: Choice,
): Promise<Outcome> {
  const both = choice.kind === 'link' || choice.kind === 'unlink';
  const records = both ? choice.ids.map((id, side) => ({ side: side as 0 | 1, id })) : [record];
  const batch = await takeBatch(scope, { records, keepMarks: true });
  const [first, ...others] = batch.units;
  try {
    if (batch.busy.length > 0 || !first) throw lockedError();
    // The other record of a link that is to be made: its claims are those of the unit.
    for (const other of others) {
      const names = other.claims.names();
      await other.giveBack();
      await first.claims.add(names);
    }
    const outcome = await reconcileUnit(scope, first, record, { choice, brake: batch.brake });
    return outcome;
  } catch (error) {
    await first?.giveBack();
    // A create that was begun and not confirmed is tried again by a worker: else all that may be its result waits for it. So is what
    // was written to a record that could not be read then.
    const again = choice.kind === 'create' || asTandemError(error).code === 'RECORD_CHANGED';
    if (first && again) await scope.markDirty(scope.mapping.name, record.side, [record.id]);
    throw error;
  } finally {
    batch.close();
  }
}

/** What a reconcile would do: the same decision, of which nothing is carried out. @throws as `reconcileUnit` */
export async function plan(scope: MappingScope, unit: Unit): Promise<Outcome> {
  const { step } = await foresee(scope, unit, scope.links.progress.readyToPlan);
  if (step.kind === 'fail') throw step.error;
  return step.outcome;
}

/**
 * Asks all that a reconcile would ask, up to its first effect or its end.
 * @param ready whether both sides count as read fully
 */
export async function foresee(
  scope: MappingScope,
  unit: Unit,
  ready: () => Promise<boolean>,
): Promise<{ readonly facts: Facts; readonly step: Exclude<Step, { kind: 'ask' }> }> {
  // What the brake would say is reported for the whole plan.
  const known = { now: Date.now(), takenAt: performance.now(), lastEnd: 0, brake: undefined, ready };
  const facts = await storedFacts(scope, unit, await lookUp(scope, unit), known);
  return foreseeFrom(scope, unit, startingFacts(scope, unit, facts));
}

async function foreseeFrom(scope: MappingScope, unit: Unit, from: Facts) {
  let facts = from;
  for (let steps = 0; steps < MOST_STEPS; steps++) {
    const step = decide(facts);
    if (step.kind === 'ask') facts = { ...facts, ...(await gather(scope, facts, unit, step.question)) };
    else if (step.kind === 'act' && step.action.do === 'lock') facts = withLock(facts, step.action);
    else return { facts, step };
  }
  throw endless(scope, unit);
}

function withLock(
  facts: Facts,
  { claims, entry }: Extract<Extract<Step, { kind: 'act' }>['action'], { do: 'lock' }>,
): Facts {
  const own = entry?.side === facts.side && entry.entry.id === facts.id;
  const { results } = facts;
  return {
    ...facts,
    results: { ...results, locked: [...results.locked, ...claims], indexed: own || results.indexed === true },
  };
}

const startingFacts = (
  { mapping, clients, fingerprinter }: MappingScope,
  { side, id, both }: Unit,
  stored: StoredFacts,
  choice?: Choice,
): Facts => ({
  mapping,
  capabilities: mapPair(clients, (client, on) => client.capabilities(mapping.sides[on].entity.name)),
  fingerprinter,
  side,
  id,
  both,
  key: randomUUID(),
  stored,
  choice,
  records: [undefined, undefined],
  rules: [],
  results: { locked: [], written: [undefined, undefined], correlated: [undefined, undefined] },
});

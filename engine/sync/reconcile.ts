/**
 * Brings one record and its counterpart into agreement, always from their state as it is now: why the record is looked at
 * does not matter. Doing it twice, late, or for nothing is harmless. Gather, decide, apply.
 */
import { randomUUID } from 'node:crypto';
import { TandemError } from '../errors.ts';
import { decide } from '../merge/decide.ts';
import type { Outcome } from '../model/outcome.ts';
import { flip } from '../model/pair.ts';
import { recordKey } from '../model/record-key.ts';
import { otherSide } from '../types.ts';
import type { Step } from './actions.ts';
import { apply } from './apply.ts';
import { underClaims } from './claims.ts';
import type { Choice, Facts, StoredFacts, Unit } from './facts.ts';
import { gather } from './gather.ts';
import type { MappingScope } from './scope.ts';
import { gatherStored } from './stored.ts';

/** Far more than any unit needs: one that goes on is a fault of `decide`. */
const MOST_STEPS = 200;

/**
 * @param choice what a person decides now
 * @throws TandemError whose `retry` states whether and how to try again; what needs a person is an issue, not thrown
 */
export async function reconcile(scope: MappingScope, unit: Unit, choice?: Choice): Promise<Outcome> {
  const { links, owner, claimTtl } = scope;
  const found = await claimsOf(scope, unit);
  return underClaims(
    links,
    owner,
    [...new Set([...found, ...claimsOfChoice(choice)])],
    async (held) => {
      const stored = unit.stored ?? (await gatherStored(scope, unit, { now: held.at, ready: links.ready }));
      assertUnchanged(scope, unit, stored, found);
      let facts = startingFacts(scope, unit, stored, choice);
      for (let steps = 0; steps < MOST_STEPS; steps++) {
        const step = decide(facts);
        if (step.kind === 'end') return step.outcome;
        if (step.kind === 'fail') throw step.error;
        if (step.kind === 'ask') {
          facts = { ...facts, ...(await gather(scope, facts, unit, step.question)) };
          continue;
        }
        facts = { ...facts, ...(await apply(scope, held, facts, step.action)) };
        if (isLast(step)) return step.outcome;
        if (endsLink(step))
          facts = { ...facts, stored: await gatherStored(scope, unit, { now: held.at, ready: links.ready }) };
      }
      throw new TandemError('INTERNAL', 'The decision about a record does not end.', {
        mapping: scope.mapping.name,
        id: unit.id,
      });
    },
    claimTtl,
  );
}

/** What a reconcile would do: the same decision, of which nothing is carried out. @throws as `reconcile` */
export async function plan(scope: MappingScope, unit: Unit): Promise<Outcome> {
  const { step } = await foresee(scope, unit, scope.links.readyToPlan);
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
  const stored = await gatherStored(scope, unit, { now: Date.now(), ready });
  // What the brake would say is told of the whole plan.
  let facts = startingFacts(scope, unit, { ...stored, brake: undefined });
  for (let steps = 0; steps < MOST_STEPS; steps++) {
    const step = decide(facts);
    if (step.kind === 'ask') facts = { ...facts, ...(await gather(scope, facts, unit, step.question)) };
    else if (step.kind === 'act' && step.action.do === 'lock') facts = withLock(facts, step.action);
    else return { facts, step };
  }
  throw new TandemError('INTERNAL', 'The decision about a record does not end.', {
    mapping: scope.mapping.name,
    id: unit.id,
  });
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

export const startingFacts = (
  { mapping, fingerprinter }: MappingScope,
  { side, id }: Unit,
  stored: StoredFacts,
  choice?: Choice,
): Facts => ({
  mapping,
  fingerprinter,
  side,
  id,
  key: randomUUID(),
  stored,
  choice,
  records: [undefined, undefined],
  rules: [],
  results: { locked: [], written: [undefined, undefined], correlated: [undefined, undefined] },
});

async function claimsOf({ links }: MappingScope, { side, id, stored }: Unit): Promise<string[]> {
  const counterpart = stored ? stored.link?.ids[otherSide(side)] : await links.counterpart(side, id);
  const own = recordKey(side, id);
  return counterpart === undefined ? [own] : flip(side, [own, recordKey(otherSide(side), counterpart)]);
}

const claimsOfChoice = (choice: Choice | undefined): string[] =>
  choice?.kind === 'link' || choice?.kind === 'unlink'
    ? [recordKey(0, choice.ids[0]), recordKey(1, choice.ids[1])]
    : [];

/** It was found before it was claimed: a person may have broken the link since, or given the record another counterpart. */
function assertUnchanged(
  { mapping }: MappingScope,
  { side, id }: Unit,
  { link }: StoredFacts,
  found: readonly string[],
): void {
  const now = link ? [recordKey(0, link.ids[0]), recordKey(1, link.ids[1])] : [recordKey(side, id)];
  if (now.length === found.length && now.every((claim) => found.includes(claim))) return;
  throw new TandemError('LINK_CHANGED', 'The link changed since it was found.', { mapping: mapping.name, id });
}

const isLast = (step: Extract<Step, { kind: 'act' }>): boolean => step.action.do === 'commit' && step.action.last;

const endsLink = ({ action }: Extract<Step, { kind: 'act' }>): boolean =>
  action.do === 'commit' && action.commit.result.kind === 'removed';

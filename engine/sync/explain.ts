/** Why a record is as it is: both values now, what changed since the base, what a reconcile would decide, what it waits for. */
import { redefined } from '../config/definition.ts';
import type { Property } from '../config/types.ts';
import { TandemError } from '../errors.ts';
import { baseEntry } from '../merge/base.ts';
import { pairOfLink } from '../merge/linked.ts';
import { decideMatch, type Match } from '../merge/match.ts';
import type { Converted, PropertyDecision } from '../merge/merge.ts';
import { mergePair, type PairToMerge } from '../merge/settle.ts';
import { viewOn } from '../merge/unit.ts';
import { flip, mapPair, SIDES } from '../model/pair.ts';
import { recordKey } from '../model/record-key.ts';
import type { KeptOverwritten } from '../store/history.ts';
import type { Issue, PendingCreate } from '../store/types.ts';
import { otherSide, type Pair, type SideIndex } from '../types.ts';
import { convertProperty, flowsTo } from './convert.ts';
import type { Facts } from './facts.ts';
import { gather } from './gather.ts';
import { foresee } from './reconcile.ts';
import { convertContext } from './references.ts';
import type { MappingScope } from './scope.ts';
import type { RecordView } from './view.ts';

export interface ExplainedSide {
  readonly id: string | undefined;
  /** False: the system has no such record. undefined: there is no id to ask for. */
  readonly exists: boolean | undefined;
  readonly inScope: boolean | undefined;
  /** ISO 8601, as the system states it. */
  readonly modified: string | undefined;
}

/**
 * One property of a record that is explained. `values` and `toward` hold values of records. `changed` is undefined
 * where the record or its base is not known, or where a new definition reads it in another way.
 */
export interface ExplainedProperty {
  readonly property: Property;
  readonly values: Pair<unknown>;
  /** Whether the last agreement is known, and which side differs from it. */
  readonly base: boolean;
  readonly changed: Pair<boolean | undefined>;
  /** What each side would hold if it were written from the other. */
  readonly toward: Pair<Converted | undefined>;
  /** What a merge would decide; undefined while there is no pair to merge. */
  readonly decision: PropertyDecision | undefined;
}

export interface Explanation {
  readonly sides: Pair<ExplainedSide>;
  readonly linked: boolean;
  /** Both sides were read fully once; before that nothing is matched or created. */
  readonly ready: boolean;
  readonly properties: readonly ExplainedProperty[];
  /** How a record without a link would find its counterpart. */
  readonly match: Exclude<Match, { kind: 'ask' }> | undefined;
  readonly issue: Issue | undefined;
  /** A create was begun and is not known to have ended. */
  readonly pendingCreate: PendingCreate | undefined;
  readonly lost: readonly KeptOverwritten[];
}

/**
 * Asks the facts of a reconcile, and decides as one would. Both systems are read.
 * @throws TandemError SYSTEM_NOT_FOUND for a record that neither exists nor is linked
 */
export async function explainRecord(scope: MappingScope, side: SideIndex, id: string): Promise<Explanation> {
  const { mapping, links } = scope;
  const unit = { side, id };
  let { facts } = await foresee(scope, unit, links.progress.ready);
  const { link, ready } = facts.stored;
  const ids = link?.ids ?? flip<string | undefined>(side, [id, undefined]);
  for (const one of SIDES)
    if (!facts.records[one] && ids[one] !== undefined)
      facts = { ...facts, ...(await gather(scope, facts, unit, { ask: 'record', side: one, id: ids[one] })) };
  const own = viewOn(facts, side);
  const { issue } = facts.stored.open[recordKey(link ? 0 : side, ids[link ? 0 : side]!)] ?? {};
  if (facts.records[side]?.kind === 'absent' && !link && !issue) {
    const { name, entity } = mapping.sides[side];
    const words = `${name} has no record "${id}" of ${entity.name}.`;
    throw new TandemError('SYSTEM_NOT_FOUND', words, { mapping: mapping.name, side: name, id });
  }
  const open = await links.issues.open(side, id);
  return {
    sides: mapPair(ids, (one, of) => describe(facts, of, one)),
    linked: link !== undefined,
    ready,
    properties: await explainProperties(scope, facts),
    match: !link && ready && own?.inScope ? await explainMatch(scope, facts, own) : undefined,
    issue: issue ?? open.issue,
    pendingCreate: open.pendingCreate,
    lost: ids[0] === undefined ? [] : await links.history.history(ids[0]),
  };
}

function describe(facts: Facts, side: SideIndex, id: string | undefined): ExplainedSide {
  const view = viewOn(facts, side);
  const fact = facts.records[side];
  return {
    id,
    exists: id === undefined || !fact ? undefined : fact.kind !== 'absent',
    inScope: view?.inScope,
    modified: view?.record.modified,
  };
}

async function explainMatch(scope: MappingScope, known: Facts, view: RecordView): Promise<Explanation['match']> {
  let facts = known;
  for (;;) {
    const match = decideMatch(facts, view);
    if (match.kind !== 'ask') return match;
    facts = { ...facts, ...(await gather(scope, facts, { side: view.side, id: view.record.id }, match.question)) };
  }
}

async function explainProperties(scope: MappingScope, facts: Facts): Promise<ExplainedProperty[]> {
  const { link } = facts.stored;
  const views = mapPair(facts.records, (_, side) => viewOn(facts, side));
  const [a, b] = views;
  const pair = link && a && b ? pairOfLink(facts, link, [a, b]) : undefined;
  const merged = pair && (await mergeNow(scope, facts, pair));
  const converting = convertContext(scope);
  const base = pair?.base ?? link?.base ?? {};
  const explained: ExplainedProperty[] = [];
  for (const [i, property] of scope.mapping.properties.entries()) {
    const known = baseEntry(base, property.name);
    // Under another definition the value may be read differently: then its edits cannot be recognized.
    const change = known && redefined(known[2] ?? property.definition, property.definition);
    const toward = async (target: SideIndex): Promise<Converted | undefined> => {
      const source = views[otherSide(target)];
      return source && flowsTo(property, target)
        ? convertProperty(scope.mapping, property, source, target, converting)
        : undefined;
    };
    explained.push({
      property,
      values: [a?.raw[i], b?.raw[i]],
      base: known !== undefined,
      changed: mapPair(views, (view, side) =>
        view && known && (change?.readable[side] ?? true) ? view.fingerprints[i] !== known[side] : undefined,
      ),
      toward: [await toward(0), await toward(1)],
      decision: merged?.decisions[i],
    });
  }
  return explained;
}

async function mergeNow(scope: MappingScope, facts: Facts, pair: PairToMerge) {
  const unit = { side: facts.side, id: facts.id };
  const { conversions } = await gather(scope, facts, unit, { ask: 'conversions', views: pair.views, base: pair.base });
  return conversions && mergePair(facts, pair, conversions);
}

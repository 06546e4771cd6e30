/**
 * Which record is the counterpart of one without a link: whom it names, then by the match rules in their order. Pure.
 *
 * Records that are linked already are nobody's candidates, unless their counterpart is gone: see `survivors`. A record that
 * a better rule pairs with another one is nobody's candidate under a lesser rule; so the result does not depend on which
 * record comes first. The best rule is correlation: a record that names another one was made for it. Only where the two
 * have no match key in common, and somebody else has, a person decides.
 */
import type { MappingSide } from '../config/types.ts';
import { recordKey } from '../model/record-key.ts';
import type { Link, RecordKey } from '../store/types.ts';
import type { Question } from '../sync/actions.ts';
import type { CorrelationFacts, Facts, RuleFacts, Survivor } from '../sync/facts.ts';
import type { RecordView } from '../sync/view.ts';
import { otherSide } from '../types.ts';

export type Match =
  | { readonly kind: 'ask'; readonly question: Question }
  | { readonly kind: 'none' }
  /** Exactly one candidate, and this record is the only one that it could belong to. */
  /** `former`: the link that it still has, to a record that is gone. */
  | { readonly kind: 'one'; readonly view: RecordView; readonly rule: string; readonly former?: Link }
  /** Several could belong together, or the rule asks for a person. Record keys of all concerned but the record itself. */
  | {
      readonly kind: 'review';
      readonly rule: string;
      readonly candidates: readonly RecordKey[];
      readonly reason: string;
      /** Found by a search: they may not be in the match index yet. */
      readonly found: readonly RecordView[];
    };

const NONE: Match = { kind: 'none' };

export function decideMatch(facts: Facts, view: RecordView): Match {
  if (!facts.correlation) return { kind: 'ask', question: { ask: 'correlation', view } };
  const correlated = byCorrelation(facts, view, facts.correlation);
  if (correlated.kind !== 'none') return correlated;
  const matched = byRules(facts, view);
  if (matched.kind !== 'none') return matched;
  return bySearch(facts, view);
}

const keyOfView = ({ side, record }: RecordView): RecordKey => recordKey(side, record.id);

/** The place of the correlation id on a side, as people read it. */
const placeOf = ({ name, correlate }: MappingSide): string => `${name}.${correlate?.source}`;

function byCorrelation(facts: Facts, view: RecordView, found: CorrelationFacts): Match {
  const own = facts.mapping.sides[view.side];
  const other = facts.mapping.sides[otherSide(view.side)];
  const rule = own.correlate && view.correlationId !== undefined ? placeOf(own) : placeOf(other);
  if (found.survivor) return byNamedSurvivor(facts, found, found.survivor, rule);
  if (found.namedIsLinked)
    return {
      kind: 'review',
      rule,
      candidates: [recordKey(other.index, view.correlationId!)],
      reason: `${placeOf(own)} names a record in ${other.name} that is linked to another one: a person decides.`,
      found: [],
    };
  const [only, ...more] = found.partners;
  if (!only) return NONE;
  if (more.length > 0 || found.rivals.length > 0)
    return {
      kind: 'review',
      rule,
      candidates: [...found.partners, ...found.rivals].map(keyOfView),
      reason: `Several records name the same counterpart in ${rule}: a person decides.`,
      found: found.partners,
    };
  if (!only.inScope || shareKey(view, only) || found.matched.length === 0) return { kind: 'one', view: only, rule };
  return {
    kind: 'review',
    rule,
    candidates: [...new Set([keyOfView(only), ...found.matched])],
    reason: `${rule} names one record, the match rules find another: a person decides.`,
    found: found.partners,
  };
}

const MERGED = 'was merged into another record';

/** The record names one whose counterpart is gone: it was made for it, unless somebody else has its match keys. */
function byNamedSurvivor(
  { mapping }: Facts,
  { matched }: CorrelationFacts,
  { view, link, kept, merged }: Survivor,
  rule: string,
): Match {
  if (!kept && !merged && matched.length === 0) return { kind: 'one', view, rule, former: link };
  const lost = merged ? MERGED : 'was deleted';
  const why = kept
    ? ', but a person decided that it stays without one'
    : matched.length > 0
      ? ', but the match rules find another record'
      : '';
  const reason = `${rule} names a record in ${mapping.sides[view.side].name} whose counterpart ${lost}${why}: a person decides.`;
  return { kind: 'review', rule, candidates: [keyOfView(view), ...matched], reason, found: [] };
}

/** Whether two records have a match key in common. */
export const shareKey = (a: Pick<RecordView, 'keys'>, b: Pick<RecordView, 'keys'>): boolean =>
  a.keys.some((key, rule) => key !== undefined && key === b.keys[rule]);

function byRules(facts: Facts, view: RecordView): Match {
  for (const [index, { name, onMatch }] of facts.mapping.match.entries()) {
    if (view.keys[index] === undefined) continue;
    const found = facts.rules[index];
    if (!found) return { kind: 'ask', question: { ask: 'rule', rule: index, view } };
    const { candidates, rivals, doubtful, survivors = [] } = found;
    const [only, ...more] = candidates;
    if (!only && survivors.length > 0) return bySurvivors(facts, index, found, survivors);
    if (!only) continue;
    if (more.length === 0 && rivals.length === 0 && doubtful.length === 0 && onMatch === 'link')
      return { kind: 'one', view: only, rule: name };
    const concerned = [...[...candidates, ...rivals].map(keyOfView), ...doubtful];
    const reason =
      concerned.length > 1
        ? `Several records could belong together by the rule "${name}": a person decides.`
        : `One record could belong to it by the rule "${name}", which asks a person to confirm it.`;
    return { kind: 'review', rule: name, candidates: concerned, reason, found: candidates };
  }
  return NONE;
}

/** Records with the same match key whose counterpart is gone. */
function bySurvivors({ mapping }: Facts, rule: number, { rivals }: RuleFacts, survivors: readonly Survivor[]): Match {
  const { name, onMatch } = mapping.match[rule]!;
  const [{ view, link, kept, merged }, ...more] = survivors as [Survivor, ...Survivor[]];
  const sure = more.length === 0 && rivals.length === 0;
  if (sure && !kept && !merged && onMatch === 'link') return { kind: 'one', view, rule: name, former: link };
  const lost = merged ? MERGED : 'was deleted';
  const why = !sure
    ? 'several records could belong together'
    : kept
      ? 'a person decided that it stays without one'
      : merged
        ? 'break its link first if it belongs to this one'
        : 'the rule asks a person to confirm it';
  return {
    kind: 'review',
    rule: name,
    candidates: [...survivors.map((one) => one.view), ...rivals].map(keyOfView),
    reason: `It matches a record in ${mapping.sides[view.side].name} whose counterpart ${lost}, by the rule "${name}"; ${why}: a person decides.`,
    found: [],
  };
}

/**
 * The system itself is asked who names the record: one that was made there a moment ago, or whose link an older Redis has
 * lost. A record that names one that does not exist had a counterpart once, or somebody wrote there what is no id: to
 * create one for it could undo a deletion.
 */
function bySearch(facts: Facts, view: RecordView): Match {
  const own = facts.mapping.sides[view.side];
  const other = facts.mapping.sides[otherSide(view.side)];
  if (other.correlate) {
    if (!facts.searched) return { kind: 'ask', question: { ask: 'search-correlation', view } };
    const found = byCorrelation(facts, view, facts.searched);
    if (found.kind !== 'none') return found;
  }
  if (view.correlationId === undefined || !other.create) return NONE;
  if (facts.namedExists === undefined)
    return { kind: 'ask', question: { ask: 'named-record', side: other.index, id: view.correlationId } };
  if (facts.namedExists) return NONE;
  return {
    kind: 'review',
    rule: placeOf(own),
    candidates: [],
    reason: `${placeOf(own)} names a record that ${other.name} does not have: a person decides whether one is created.`,
    found: [],
  };
}

/** Which of the writes of a pair the brake lets through: all, those that a person decides now, or none. Pure. */
import type { BrakeKind } from '../config/brake-limits.ts';
import type { Mapping } from '../config/types.ts';
import { mapPair } from '../model/pair.ts';
import type { Decision } from '../store/types.ts';
import type { Consumption } from '../sync/actions.ts';
import type { Facts } from '../sync/facts.ts';
import type { RecordView } from '../sync/view.ts';
import type { Base, Pair } from '../types.ts';
import type { MergeResult, PropertyDecision } from './merge.ts';
import { type Block, clearsOf, hasEnded, permitFor, seenInBoth } from './permit.ts';
import { isSynced } from './record-state.ts';

export type BrakeGate =
  | {
      readonly kind: 'open';
      /** Without the writes that a person rejected, or only with those that a person decides. */
      readonly merged: MergeResult;
      /** Undefined: the brake is not asked. */
      readonly consume: Consumption | undefined;
      /** The rest of the pair waits for the answer to the brake. */
      readonly stopped?: { readonly block: Block; readonly change: BrakeKind | undefined };
    }
  | { readonly kind: 'ask' }
  /** `decision`: what a person decided against is remembered while the rest waits; null: it has ended. */
  | {
      readonly kind: 'block';
      readonly block: Block;
      readonly change: BrakeKind | undefined;
      readonly decision: Decision | null | undefined;
    };

export type OpenGate = Extract<BrakeGate, { kind: 'open' }>;

interface Gated {
  readonly views: Pair<RecordView>;
  readonly base: Base;
  readonly correlation: Pair<string | undefined>;
}

/** What a person decides about this link is neither counted nor blocked, but it lets nothing else through. */
export function brakeGate(facts: Facts, pair: Gated, merged: MergeResult): BrakeGate {
  const { mapping } = facts;
  const personal = new Set(merged.decisions.filter((one) => isPersonal(facts, one)).map(({ property }) => property));
  const asks = ({ writes }: MergeResult): boolean =>
    writes.flat().some(({ property }) => !personal.has(property)) ||
    pair.correlation.some((note) => note !== undefined && note !== 'refused');
  if (!asks(merged)) return { kind: 'open', merged, consume: undefined };
  const clears = clearsOf(merged);
  for (const property of personal) clears.delete(property);
  const kind = clears.size > 0 ? 'clears' : undefined;
  const seen = seenInBoth(mapping, pair.views, clears);
  const { link } = facts.stored;
  const untouched = link !== undefined && pair.views.every((view) => isSynced(mapping, link, view));
  const permit = permitFor(facts, kind, { seen, untouched });
  switch (permit.kind) {
    case 'ask':
      return permit;
    case 'allow':
      return { kind: 'open', merged, consume: { allowance: permit.allowance } };
    case 'block':
      return blocked(permit, merged, kind, hasEnded(facts, 'clears', seen) ? null : undefined);
    case 'reject': {
      const rest = without(mapping, pair.views, merged, clears);
      if (!asks(rest)) return { kind: 'open', merged: rest, consume: undefined };
      // The rest may be written only if no other brake is on by now; else the decision waits with it.
      const next = permitFor(facts, undefined);
      if (next.kind === 'block') return blocked(next, rest, undefined, { kind: 'clears', seen });
      return { kind: 'open', merged: rest, consume: { allowance: undefined } };
    }
  }

  function blocked(
    block: Block,
    wanted: MergeResult,
    change: BrakeKind | undefined,
    decision: Decision | null | undefined,
  ): BrakeGate {
    if (personal.size === 0) return { kind: 'block', block, change, decision };
    return { kind: 'open', merged: only(wanted, personal, pair.base), consume: undefined, stopped: { block, change } };
  }
}

/** Whether a person decides this now: the conflicts of the choice, or the value that is restored. */
function isPersonal({ choice, mapping }: Facts, { property, rule }: PropertyDecision): boolean {
  if (choice?.kind === 'restore') return property === choice.property;
  // Only a person makes a conflict between two edits of what is left to a person.
  return (
    rule === 'conflict' && mapping.properties.some(({ name, conflict }) => name === property && conflict === 'review')
  );
}

/** Writes these properties alone: of the others that would be written nothing is decided yet. */
function only({ writes, base, decisions }: MergeResult, names: ReadonlySet<string>, former: Base): MergeResult {
  const all = writes.flat().map(({ property }) => property);
  const waits = new Set(all.filter((property) => !names.has(property)));
  const entries = Object.entries(base).filter(([name]) => !waits.has(name));
  const before = Object.entries(former).filter(([name]) => waits.has(name));
  return {
    writes: mapPair(writes, (some) => some.filter(({ property }) => !waits.has(property))),
    base: Object.fromEntries([...entries, ...before]),
    decisions: decisions.filter(({ property }) => !waits.has(property)),
  };
}

/** Both sides keep what they have of these properties, until one of them changes. */
function without(
  mapping: Mapping,
  views: Pair<RecordView>,
  { writes, base, decisions }: MergeResult,
  names: ReadonlySet<string>,
): MergeResult {
  const kept = mapping.properties.flatMap(({ name }, i) =>
    names.has(name) ? [[name, [views[0].fingerprints[i]!, views[1].fingerprints[i]!]] as const] : [],
  );
  return {
    writes: mapPair(writes, (some) => some.filter(({ property }) => !names.has(property))),
    base: { ...base, ...Object.fromEntries(kept) },
    decisions: decisions.filter(({ property }) => !names.has(property)),
  };
}

/**
 * The decision of a reconcile: from the base and both sides as they are now to what is written where. Pure: no I/O, no
 * clock. Every rule of two-way sync that concerns values is here and nowhere else.
 */

import type { ConflictRule } from '../config/conflict.ts';
import type { Redefined } from '../config/definition.ts';
import type { Direction } from '../config/types.ts';
import type { TandemError } from '../errors.ts';
import type { Fingerprint } from '../expression/values.ts';
import type { Base, Json, PropertyBase, SideIndex } from '../types.ts';

/** What a side's value would become if it were written from the other side. */
export type Converted =
  | { readonly ok: true; readonly value: Json; readonly fingerprint: Fingerprint }
  /** The conversion failed, or waits for a link; nothing can be written this way. */
  | { readonly ok: false; readonly error: TandemError };

export interface PropertyState {
  readonly name: string;
  readonly direction: Direction;
  readonly conflict: ConflictRule;
  readonly drift: 'keep' | 'revert';
  /** Fingerprints of the value on each side, '' when empty. */
  readonly own: readonly [Fingerprint, Fingerprint];
  /** `toward[1]` is what side 1 would hold if it were written from side 0; undefined where nothing flows that way. */
  readonly toward: readonly [Converted | undefined, Converted | undefined];
  /** Set where the base was made under another definition of the property, which it does not agree under. */
  readonly redefined?: Redefined | undefined;
}

export interface MergeInput {
  readonly base: Base;
  /** Time of last modification of each record, ISO 8601. */
  readonly modified: readonly [string | undefined, string | undefined];
  readonly properties: readonly PropertyState[];
}

export interface PropertyWrite {
  readonly property: string;
  readonly value: Json;
  /** Fingerprint of the value written; what the target answers may differ. */
  readonly fingerprint: Fingerprint;
}

/** What the merge decides about a property: the list from which types, the HTTP schema and the CLI follow. */
export const RULES = {
  'in-step': 'neither side changed',
  agreed: 'both sides agree, which is the new base',
  'one-changed': 'one side changed: it flows to the other',
  filled: 'first contact: a value fills an empty place',
  redefined: 'nobody edited it, but the mapping defines it otherwise now: it is converted again',
  conflict: 'both sides changed, or differ at first contact: the conflict rule chooses',
  review: 'a person must choose',
  drift: 'one-way: the side that follows was edited',
  blocked: 'the value cannot be written',
} as const;
export type Rule = keyof typeof RULES;

export interface PropertyDecision {
  readonly property: string;
  readonly rule: Rule;
  /** The side written to. */
  readonly writes?: SideIndex;
  /** The side whose own value is overwritten, be it an edit or what it held at first contact: the losing value is kept. */
  readonly loser?: SideIndex;
  readonly error?: TandemError;
}

export interface MergeResult {
  readonly writes: readonly [readonly PropertyWrite[], readonly PropertyWrite[]];
  /**
   * The base to record. For a property written to side t its entry at t is the fingerprint sent; the caller that writes
   * puts the fingerprint of the answer there instead. Entries under the present definitions carry none; one that was
   * left as it was, because nothing was decided, carries its own.
   */
  readonly base: Base;
  readonly decisions: readonly PropertyDecision[];
}

/** Decides for every property of one link. The same input always gives the same decision. */
export function merge(input: MergeInput): MergeResult {
  const writes: [PropertyWrite[], PropertyWrite[]] = [[], []];
  // Entries, not assignments: a property may have any name, even one that objects treat specially.
  const base: [string, PropertyBase][] = [];
  const decisions: PropertyDecision[] = [];
  for (const state of input.properties) {
    const previous = Object.hasOwn(input.base, state.name) ? input.base[state.name] : undefined;
    const verdict = decide(state, previous, input.modified);
    const decision = verdict.writes === undefined ? verdict : blockIfImpossible(state, verdict, verdict.writes);
    decisions.push(decision);
    const target = decision.writes;
    if (target !== undefined) {
      const converted = state.toward[target] as Extract<Converted, { ok: true }>;
      writes[target].push({ property: state.name, value: converted.value, fingerprint: converted.fingerprint });
      base.push([
        state.name,
        target === 0 ? [converted.fingerprint, state.own[1]] : [state.own[0], converted.fingerprint],
      ]);
    } else if (decision.rule === 'agreed') {
      base.push([state.name, state.own]);
    } else if (decision.rule === 'in-step' || decision.rule === 'drift') {
      // A drift that is left alone stays one, so that it is known to be an edit when the leader's value overwrites it.
      base.push([state.name, [previous![0], previous![1]]]);
    } else if (previous !== undefined) {
      base.push([state.name, previous]);
    }
  }
  return { writes, base: Object.fromEntries(base), decisions };
}

function decide(
  state: PropertyState,
  base: PropertyBase | undefined,
  modified: MergeInput['modified'],
): PropertyDecision {
  return state.direction === 'both' ? decideTwoWay(state, base, modified) : decideOneWay(state, state.direction, base);
}

function decideTwoWay(
  state: PropertyState,
  base: PropertyBase | undefined,
  modified: MergeInput['modified'],
): PropertyDecision {
  const property = state.name;
  if (base === undefined) return firstContact(state, modified);
  if (state.redefined) return decideRedefined(state, state.redefined, base, modified);
  const changed = [state.own[0] !== base[0], state.own[1] !== base[1]] as const;
  if (!changed[0] && !changed[1]) return { property, rule: 'in-step' };
  if (changed[0] && changed[1]) return agree(state) ? { property, rule: 'agreed' } : conflict(state, modified);
  return flow(state, changed[0] ? 1 : 0, 'one-changed');
}

/** An empty value never beats a value; nor does one of which the conversion leaves nothing, such as the phone number "n/a". */
function firstContact(state: PropertyState, modified: MergeInput['modified']): PropertyDecision {
  const property = state.name;
  const nothing = [saysNothing(state, 0), saysNothing(state, 1)] as const;
  if (agree(state) || (nothing[0] && nothing[1])) return { property, rule: 'agreed' };
  if (state.own[0] === '') return { property, rule: 'filled', writes: 0 };
  if (state.own[1] === '') return { property, rule: 'filled', writes: 1 };
  return conflict(state, modified, nothing[0] ? 1 : nothing[1] ? 0 : undefined);
}

/**
 * The sides agreed under another definition. An edit that has not arrived yet still does. Else, where values are converted
 * otherwise toward one side only, that is done again; and where both ways changed it is a first contact, but a value
 * that nobody has entered and that cannot be converted any more wins over nothing.
 */
function decideRedefined(
  state: PropertyState,
  { readable, again }: Redefined,
  base: PropertyBase,
  modified: MergeInput['modified'],
): PropertyDecision {
  if (!readable[0] || !readable[1]) return firstContact(state, modified);
  const changed = [state.own[0] !== base[0], state.own[1] !== base[1]] as const;
  if (changed[0] !== changed[1]) return flow(state, changed[0] ? 1 : 0, 'one-changed');
  if (changed[0]) return agree(state) ? { property: state.name, rule: 'agreed' } : conflict(state, modified);
  if (again !== undefined && state.own[again === 0 ? 1 : 0] !== '') return convertAgain(state, again);
  const first = firstContact(state, modified);
  if (first.rule !== 'conflict') return first;
  const possible = ([0, 1] as const).filter((target) => {
    const converted = state.toward[target];
    return converted?.ok === true && converted.fingerprint !== '';
  });
  return possible.length === 1 ? convertAgain(state, possible[0]!) : first;
}

/** Nobody has edited what is overwritten, but somebody may miss it. */
function convertAgain(state: PropertyState, target: SideIndex): PropertyDecision {
  const decision = flow(state, target, 'redefined');
  return decision.writes === undefined ? decision : { ...decision, loser: target };
}

function decideOneWay(state: PropertyState, follower: SideIndex, base: PropertyBase | undefined): PropertyDecision {
  const property = state.name;
  const leader = follower === 0 ? 1 : 0;
  if (base === undefined) {
    // An empty value never beats a value at first contact, not even the leader's.
    return saysNothing(state, leader) ? { property, rule: 'agreed' } : overwrite(state, follower, 'filled');
  }
  const [led, edited] = [state.own[leader] !== base[leader], state.own[follower] !== base[follower]];
  if (state.redefined && !(led && state.redefined.readable[leader]))
    return state.own[leader] === '' ? { property, rule: 'agreed' } : convertAgain(state, follower);
  if (led) return (edited ? overwrite : flow)(state, follower, 'one-changed');
  if (!edited) return { property, rule: 'in-step' };
  // Where the leader never had a value to give, putting back would take the follower's own one away.
  const flowsBack = state.drift === 'revert' && (base[follower] === '' || !saysNothing(state, leader));
  return flowsBack ? overwrite(state, follower, 'drift') : { property, rule: 'drift' };
}

/** As `flow`, over a value that the target has of its own. */
function overwrite(state: PropertyState, target: SideIndex, rule: Rule): PropertyDecision {
  const decision = flow(state, target, rule);
  return decision.writes === undefined || state.own[target] === '' ? decision : { ...decision, loser: target };
}

/** Writes `target` from the other side, unless it holds that value already. */
function flow(state: PropertyState, target: SideIndex, rule: Rule): PropertyDecision {
  const converted = state.toward[target];
  const same = converted?.ok === true && converted.fingerprint === state.own[target];
  return same ? { property: state.name, rule: 'agreed' } : { property: state.name, rule, writes: target };
}

/** @param only the one side that can win; undefined: either */
function conflict(state: PropertyState, modified: MergeInput['modified'], only?: SideIndex): PropertyDecision {
  // Whether the two disagree at all is not known before the record that one of them refers to has been looked at.
  const pending = state.toward.find((converted) => converted?.ok === false && converted.error.context.pending);
  if (pending?.ok === false) return { property: state.name, rule: 'blocked', error: pending.error };
  if (state.conflict === 'review') return { property: state.name, rule: 'review' };
  const winner = only ?? (state.conflict === 'latest' ? latest(modified) : state.conflict);
  const loser = winner === 0 ? 1 : 0;
  return { property: state.name, rule: 'conflict', writes: loser, loser };
}

/** The side modified later; a tie, or a side that states no time, goes to the side named first. */
function latest([a, b]: MergeInput['modified']): SideIndex {
  // Stryker disable next-line StringLiteral: any text that is no time reads as none
  const [first, second] = [Date.parse(a ?? ''), Date.parse(b ?? '')];
  return second > first ? 1 : 0;
}

/** Equal under the mapping: converting one side gives the other. One way is enough, because conversions may lose detail. */
function agree({ own, toward }: PropertyState): boolean {
  if (own[0] === '' && own[1] === '') return true;
  return ([0, 1] as const).some((side) => {
    const converted = toward[side];
    return converted?.ok === true && converted.fingerprint === own[side];
  });
}

/** The side has no value, or one that becomes no value on the other side. */
function saysNothing({ own, toward }: PropertyState, side: SideIndex): boolean {
  const converted = toward[side === 0 ? 1 : 0];
  return own[side] === '' || (converted?.ok === true && converted.fingerprint === '');
}

function blockIfImpossible(state: PropertyState, decision: PropertyDecision, target: SideIndex): PropertyDecision {
  const converted = state.toward[target];
  if (converted?.ok) return decision;
  return converted === undefined
    ? { property: state.name, rule: 'blocked' }
    : { property: state.name, rule: 'blocked', error: converted.error };
}

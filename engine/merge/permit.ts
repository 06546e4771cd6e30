/** Whether the brake lets a write through, and what a person decided against. Pure. */
import type { BrakeConfig, BrakeKind } from '../config/brake-limits.ts';
import type { Mapping } from '../config/types.ts';
import { EMPTY } from '../expression/values.ts';
import type { Allowance, Brake } from '../store/brake.ts';
import type { Decision } from '../store/types.ts';
import type { Facts } from '../sync/facts.ts';
import type { RecordView } from '../sync/view.ts';
import type { Pair } from '../types.ts';
import type { MergeResult } from './merge.ts';
import { entryOf, keyOf, type Trouble } from './unit.ts';

export type Permit =
  /** @see Allowance: what the write consumes; undefined for one that is not counted */
  | { readonly kind: 'allow'; readonly allowance: Allowance | undefined }
  /** It is not known yet how many are allowed. */
  | { readonly kind: 'ask' }
  /** A person decided against it: it is not done. */
  | { readonly kind: 'reject' }
  /** `blockedBy`: the brake under whose name the unit waits, so that its answer counts. */
  | { readonly kind: 'block'; readonly brake: Brake; readonly blockedBy: string };

export type Block = Extract<Permit, { kind: 'block' }>;
export type SeenValues = NonNullable<Decision['seen']>;

interface Circumstances {
  readonly seen?: SeenValues;
  readonly sameState?: boolean;
  readonly untouched?: boolean;
}

/**
 * To be asked for each write.
 * @param kind undefined for a write that neither deletes, creates nor clears
 * @param seen what the write is about: what a person decided against stays undone while that is as it was
 * @param sameState the record is as it was when a person decided that it stays without a counterpart
 * @param untouched the write would be the same as at the last look
 */
export function permitFor(
  facts: Facts,
  kind: BrakeKind | undefined,
  { seen, sameState = false, untouched = false }: Circumstances = {},
): Permit {
  const { issue } = entryOf(facts);
  if (kind !== undefined && standingDecision(facts, kind, seen)) return { kind: 'reject' };
  const given = kind !== undefined && !hasEnded(facts, kind, seen) ? facts.stored.answered[kind] : undefined;
  // The person who allowed what was blocked has not seen what became of it since.
  const answer = given === 'continue' && issue?.change !== kind ? undefined : given;
  if (answer === 'discard' || (kind !== undefined && issue?.kept && sameState)) return { kind: 'reject' };
  const brake = brakeOn(facts);
  if (brake) return { kind: 'block', brake, blockedBy: (answer && issue!.brake) || brake.id };
  // Stryker disable next-line ConditionalExpression: without a kind there is no limit either
  if (kind === undefined || answer !== undefined) return { kind: 'allow', allowance: undefined };
  // It was counted when the system rejected it: else a hundred rejected writes would put the brake on at each full scan.
  if (untouched && issue?.code === 'SYSTEM_REJECTED' && issue.mapping === facts.mapping.version)
    return { kind: 'allow', allowance: undefined };
  const first = isFirstSync(facts, kind);
  const { firstSync } = facts.mapping.brake;
  const limited = first ? firstSync !== undefined && !facts.stored.firstSyncAllowed : facts.mapping.brake[kind];
  if (!limited) return { kind: 'allow', allowance: undefined };
  if (!facts.allowance) return { kind: 'ask' };
  const counted = first ? ({ counter: 'firstSync', limit: firstSync! } as const) : {};
  return { kind: 'allow', allowance: { kind, record: keyOf(facts), ...facts.allowance, ...counted } };
}

/** Whether any limit may put on a brake of this kind. */
export const isLimited = (brake: BrakeConfig, kind: BrakeKind): boolean =>
  brake[kind] !== undefined || (kind === 'creates' && brake.firstSync !== undefined);

/** The brake that is on; one whose kind has no limit any more is taken off by the write itself, unless it was answered. */
function brakeOn({ stored: { brake }, mapping }: Facts): Brake | undefined {
  const unlimited = Object.values(mapping.brake).every((limit) => limit === undefined);
  return brake && !unlimited && (brake.answer || isLimited(mapping.brake, brake.kind)) ? brake : undefined;
}

function standingDecision(facts: Facts, kind: BrakeKind, seen: SeenValues | undefined): boolean {
  const { decision } = entryOf(facts);
  return decision?.kind === kind && !hasEnded(facts, kind, seen);
}

/** A person decided against it, but what that was about has been edited since. */
export function hasEnded(facts: Facts, kind: BrakeKind, seen: SeenValues | undefined): boolean {
  const { decision } = entryOf(facts);
  return decision?.kind === kind && !!seen && !!decision.seen && !stands(kind, decision.seen, seen);
}

/**
 * Whether a decision holds for what is seen now. Only edits of the records end it: a property that the mapping defines
 * differently, or has now for the first time, says nothing; but a clear of yet another property was not decided about.
 */
const stands = (kind: BrakeKind, then: SeenValues, now: SeenValues): boolean =>
  Object.entries(now).every(([name, [value, definition]]) => {
    const former = Object.hasOwn(then, name) ? then[name] : undefined;
    return former === undefined ? kind !== 'clears' : former[1] !== definition || former[0] === value;
  });

/**
 * A create belongs to the first sync when its record was read before both sides had been read fully once, whenever the
 * create comes about; unless the record has been left without a counterpart deliberately since.
 */
function isFirstSync(facts: Facts, kind: BrakeKind): boolean {
  const { unlinked, firstRead } = facts.stored;
  const { issue } = entryOf(facts);
  return (
    kind === 'creates' &&
    (issue?.kind !== 'unmatched' || issue.code === 'NOT_REFERENCED') &&
    (unlinked?.firstSeen ?? Infinity) <= (firstRead ?? -Infinity)
  );
}

/** What a record holds, without regard to how it is matched. */
export const seenIn = (mapping: Mapping, { fingerprints }: RecordView): SeenValues =>
  Object.fromEntries(mapping.properties.map(({ name, definition }, i) => [name, [fingerprints[i]!, definition]]));

/** Both values of the properties that would be cleared. */
export const seenInBoth = (mapping: Mapping, [a, b]: Pair<RecordView>, names: ReadonlySet<string>): SeenValues =>
  Object.fromEntries(
    mapping.properties.flatMap(({ name, definition }, i) =>
      names.has(name) ? [[name, [`${a.fingerprints[i]} ${b.fingerprints[i]}`, definition] as const]] : [],
    ),
  );

/** Names of properties in which a value would be overwritten by an empty one: an empty one is never written over another. */
export function clearsOf({ writes }: MergeResult): Set<string> {
  const names = ([0, 1] as const).flatMap((side) =>
    writes[side].flatMap(({ property, fingerprint }) => (fingerprint === EMPTY ? [property] : [])),
  );
  return new Set(names);
}

const WANTED: Readonly<Record<BrakeKind, string>> = {
  deletes: 'delete',
  creates: 'create',
  clears: 'clear a value in',
};

/** Why the brake is on, and what to do, as one sentence or two. */
export function brakeReason(
  mapping: Pick<Mapping, 'name' | 'brake'>,
  { kind, by, count, limit, linked }: Brake,
): string {
  const what =
    by === 'scan'
      ? `${count} of ${linked} linked records were missing when everything was read, and ${limit} may be; nothing was deleted for that`
      : `one run wanted to ${WANTED[kind]} more than ${limit} records, with ${linked} linked records; ${limit} were done before it stopped`;
  const look = kind === 'creates' ? ` "tandem records ${mapping.name} --code BRAKE_ON --list" lists what waits.` : '';
  const how = isLimited(mapping.brake, kind)
    ? `Nothing is written until a person answers continue or discard in the reviews.${look}`
    : `The mapping has no limit for ${kind} any more: the next scan takes it off.`;
  return `The brake of ${mapping.name} is on: ${what}. ${how}`;
}

/** @param change what the unit would consume, if anything */
export const blockedTrouble = (
  mapping: Mapping,
  { brake, blockedBy }: Block,
  change: BrakeKind | undefined,
): Trouble => ({
  kind: 'blocked',
  code: 'BRAKE_ON',
  reason: brakeReason(mapping, brake),
  brake: blockedBy,
  ...(change === undefined ? {} : { change }),
});

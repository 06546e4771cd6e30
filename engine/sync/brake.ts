/**
 * The brake: a run that wants to delete, create or clear more than its mapping allows stops the mapping's writes, and a
 * person is asked. Reading, deciding and planning go on; what would be written is held until there is an answer.
 */
import { allowance, BRAKE_KINDS, type BrakeKind } from '../config/brake.ts';
import type { Mapping } from '../config/types.ts';
import { TandemError } from '../errors.ts';
import { EMPTY } from '../expression/values.ts';
import { BRAKE_WINDOW, type Brake, type BrakeAnswer } from '../links/brake.ts';
import type { Decided, Held, StoredBase } from '../links/links.ts';
import type { Decision } from '../merge/merge.ts';
import { otherSide, type SideIndex } from '../types.ts';
import type { SyncContext } from './context.ts';
import { held } from './hold.ts';
import { type UnnamedSides, withUnnamed } from './name.ts';
import { type Outcome, outcome } from './outcome.ts';
import { type RecordView, recordState } from './view.ts';

/** Whether a write may be done now. `holdAs`: the brake under whose name the record is held, so that its answer counts. */
export type Permit =
  | { readonly kind: 'go' }
  | { readonly kind: 'discard' }
  | { readonly kind: 'braked'; readonly brake: Brake; readonly holdAs: string };

type Braked = Extract<Permit, { kind: 'braked' }>;

const GO: Permit = { kind: 'go' };
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
  const how = mapping.brake[kind]
    ? 'Nothing is written until a person answers continue or discard in the reviews.'
    : `The mapping has no limit for ${kind} any more: the next scan takes it off.`;
  return `The brake of ${mapping.name} is on: ${what}. ${how}`;
}

/** The brake that is on, if one is: whoever asks may have another version of the mapping, so nothing follows from asking. */
export const brakeOn = (
  context: Pick<SyncContext, 'links'>,
  mapping: Pick<Mapping, 'name'>,
): Promise<Brake | undefined> => context.links(mapping.name).brake.on();

/**
 * Takes off the brake whose limit was taken out of the mapping. For those who have the version in force.
 * @returns the brake that stays on
 */
export async function liftUnlimited(context: Pick<SyncContext, 'links'>, mapping: Mapping): Promise<Brake | undefined> {
  const brake = await brakeOn(context, mapping);
  // An answer goes first: it is carried out, and takes the brake off.
  if (!brake || brake.answer || mapping.brake[brake.kind]) return brake;
  await context.links(mapping.name).brake.release(brake);
  return undefined;
}

// ------------------------------------------------------------ writes

/**
 * To be asked before each write, under the claims of the record.
 * @param side and id: the name under which the record is held: for a link its record on side 0
 * @param kind undefined for a write that neither deletes, creates nor clears
 * @param seen what the write is about: what a person decided against stays undone while that is as it was
 * @param state of the source of a create, by which decisions are known that were noted in `held` alone
 */
export async function mayWrite(
  context: SyncContext,
  mapping: Mapping,
  side: SideIndex,
  id: string,
  kind: BrakeKind | undefined,
  { seen, state }: { readonly seen?: Seen; readonly state?: string } = {},
): Promise<Permit> {
  const off = BRAKE_KINDS.filter((one) => mapping.brake[one] === undefined);
  const links = context.links(mapping.name);
  const [before, decided] = kind ? await Promise.all([links.held(side, id), links.decided(side, id)]) : [];
  const ended = kind && decided?.kind === kind;
  if (ended) {
    if (!seen || !decided.seen || stands(kind, decided.seen, seen)) return discard(kind);
    await links.undecide(side, id);
  }
  const given = before && kind && !ended && (await answerFor(context, mapping, before, kind));
  // Whoever lets go on what was held has not seen what became of it since.
  const answer = given === 'continue' && before?.change !== kind ? undefined : given;
  if (kind && answer === 'discard') return discard(kind);
  if (kind && before?.kept && state !== undefined && (await links.states(side, [id]))[0] === state)
    return discard(kind);
  if (off.length === BRAKE_KINDS.length) return GO;
  const counts =
    kind !== undefined && answer === undefined && !(await isFirstSync(context, mapping, side, id, kind, before));
  const brake = await links.brake.spend(off, counts ? await spendingOf(context, mapping, side, id, kind) : undefined);
  return brake ? { kind: 'braked', brake, holdAs: (answer && before?.brake) || brake.id } : GO;

  /** From now on it is known what the decision is about. */
  async function discard(against: BrakeKind): Promise<Permit> {
    await links.decide([{ side, id }], { kind: against, ...(seen ? { seen } : {}) });
    return { kind: 'discard' };
  }
}

type Seen = NonNullable<Decided['seen']>;

/**
 * Whether a decision holds for what is seen now. Only edits of the records end it: a property that the mapping defines
 * otherwise, or has now for the first time, says nothing; but a clear of yet another property was not decided about.
 */
const stands = (kind: BrakeKind, then: Seen, now: Seen): boolean =>
  Object.entries(now).every(([name, [value, definition]]) => {
    const former = Object.hasOwn(then, name) ? then[name] : undefined;
    return former === undefined ? kind !== 'clears' : former[1] !== definition || former[0] === value;
  });

/** What a record holds, without regard to how it is matched. */
export const seenOf = (mapping: Mapping, { fingerprints: own }: Pick<RecordView, 'fingerprints'>): Seen =>
  Object.fromEntries(mapping.properties.map(({ name, definition }, i) => [name, [own[i]!, definition]]));

/** A person decided that the survivor of a link stays. */
export async function keepsSurvivor(
  context: SyncContext,
  mapping: Mapping,
  id: string,
  before: Held | undefined,
  decided: Decided | undefined,
): Promise<boolean> {
  if (decided?.kind === 'deletes') return true;
  if (!before?.kept && (!before || (await answerFor(context, mapping, before, 'deletes')) !== 'discard')) return false;
  await context.links(mapping.name).decide([{ side: 0, id }], { kind: 'deletes' });
  return true;
}

/** What was answered to the brake that held this record, if one did, and it has not been handled since. */
async function answerFor(
  context: SyncContext,
  mapping: Mapping,
  { brake }: Pick<Held, 'brake'>,
  kind: BrakeKind,
): Promise<BrakeAnswer | undefined> {
  return brake === undefined ? undefined : context.links(mapping.name).brake.answered(brake, kind);
}

async function spendingOf(context: SyncContext, mapping: Mapping, side: SideIndex, id: string, kind: BrakeKind) {
  const limit = mapping.brake[kind];
  if (!limit) return undefined;
  const { linked, since } = await present(context, mapping, kind);
  return { kind, record: `${side}/${id}`, limit: allowance(kind, limit, linked), linked, since };
}

/** Links there were before the present run deleted or created some, and what it spent. */
async function present(context: SyncContext, mapping: Mapping, kind: BrakeKind) {
  const links = context.links(mapping.name);
  const [count, since] = await Promise.all([links.count(), context.runSince(mapping.name)]);
  const spent = await links.brake.spent(kind, Math.min(Date.now() - BRAKE_WINDOW, since ?? Infinity));
  const linked = kind === 'deletes' ? count + spent : kind === 'creates' ? Math.max(0, count - spent) : count;
  return { linked, spent, since };
}

/**
 * A create belongs to the first sync when its record was read before both sides had been read fully once, whenever the
 * create comes about; unless the record has been left without a counterpart deliberately since.
 */
async function isFirstSync(
  context: SyncContext,
  mapping: Mapping,
  side: SideIndex,
  id: string,
  kind: BrakeKind,
  before: Held | undefined,
): Promise<boolean> {
  if (kind !== 'creates' || before?.kind === 'unmatched') return false;
  const links = context.links(mapping.name);
  const [seen, read] = await Promise.all([links.firstSeen(side, id), links.firstRead()]);
  return seen !== undefined && read !== undefined && seen <= read;
}

// ------------------------------------------------------------ holding

/** Only what a person decided is written; the rest of the link waits for the answer to the brake. */
export interface Stopped {
  readonly permit: Braked;
  readonly change: BrakeKind | undefined;
}

/**
 * Before the writes of a link: lets them be done, without those that a person discarded, or holds the link as it is. What
 * a person decides about this link is neither counted nor held, but it lets nothing else through.
 * @param stored the base from which was decided
 */
export async function brakePair(
  context: SyncContext,
  mapping: Mapping,
  views: readonly [RecordView, RecordView],
  decision: Decision,
  stored: StoredBase,
  toName: UnnamedSides,
): Promise<
  { readonly decision: Decision; readonly discarded?: true; readonly stopped?: Stopped } | { readonly outcome: Outcome }
> {
  const ids = [views[0].record.id, views[1].record.id] as const;
  const decided = new Set(decision.decisions.filter((one) => context.person?.(one)).map(({ property }) => property));
  const asks = ({ writes }: Decision): boolean =>
    ([0, 1] as const).some(
      (side) =>
        writes[side].some(({ property }) => !decided.has(property)) ||
        (toName[side] !== undefined && toName[side] !== 'refused'),
    );
  if (!asks(decision)) return { decision };
  const clears = clearsOf(mapping, views, decision);
  for (const property of decided) clears.delete(property);
  const kind = clears.size > 0 ? 'clears' : undefined;
  const seen = Object.fromEntries(
    mapping.properties.flatMap(({ name, definition }, i) =>
      clears.has(name)
        ? [[name, [`${views[0].fingerprints[i]} ${views[1].fingerprints[i]}`, definition] as const]]
        : [],
    ),
  );
  const permit = await mayWrite(context, mapping, 0, ids[0], kind, { seen });
  if (permit.kind === 'go') return { decision };
  if (permit.kind === 'discard') {
    const rest = without(mapping, views, decision, clears);
    // The rest may be written only if no other brake is on by now; else the decision waits with it.
    const next = asks(rest) ? await mayWrite(context, mapping, 0, ids[0], undefined) : GO;
    if (next.kind !== 'braked') return { decision: rest, discarded: true };
    return hold(next, rest, undefined);
  }
  return hold(permit, decision, kind);

  async function hold(permit: Braked, wanted: Decision, change: BrakeKind | undefined) {
    if (decided.size > 0) return { decision: only(wanted, decided, stored), stopped: { permit, change } };
    const states = views.map((view) => recordState(mapping, view).linked) as [string, string];
    return {
      outcome: await holdLink(
        context,
        mapping,
        ids,
        stored,
        withUnnamed(mapping, states, toName, context.fingerprinter),
        permit,
        change,
      ),
    };
  }
}

/** @param states of both records as they were read, so that scans leave them alone meanwhile */
export async function holdLink(
  context: SyncContext,
  mapping: Mapping,
  ids: readonly [string, string],
  stored: StoredBase,
  states: readonly [string, string],
  permit: Braked,
  change: BrakeKind | undefined,
): Promise<Outcome> {
  const reason = holdReason(mapping, permit, change);
  const links = context.links(mapping.name);
  const waits = held(context, mapping, reason, await links.held(0, ids[0]));
  await links.commit({ ids, version: stored.version, base: stored.base, states, held: waits });
  return stillOn(context, mapping, 0, ids[0], permit, { ids, code: reason.code, reason: reason.reason });
}

/** @param state of the source, whose counterpart is not created for now */
export async function holdCreate(
  context: SyncContext,
  mapping: Mapping,
  side: SideIndex,
  id: string,
  state: string,
  permit: Braked,
): Promise<Outcome> {
  const links = context.links(mapping.name);
  const reason = holdReason(mapping, permit, 'creates');
  // Whoever waits for its link goes on waiting, so nobody is woken.
  await links.hold(side, id, state, held(context, mapping, reason, await links.held(side, id)));
  await links.doubtIntent(side, id);
  return stillOn(context, mapping, side, id, permit, { code: reason.code, reason: reason.reason });
}

export function holdReason(mapping: Mapping, { brake, holdAs }: Braked, change: BrakeKind | undefined) {
  const kind = { kind: 'waiting', code: 'BRAKE_ON', reason: brakeReason(mapping, brake), brake: holdAs } as const;
  return change === undefined ? kind : { ...kind, change };
}

async function stillOn(
  context: SyncContext,
  mapping: Mapping,
  side: SideIndex,
  id: string,
  permit: Braked,
  more: Pick<Outcome, 'ids' | 'code' | 'reason'>,
): Promise<Outcome> {
  await askAgain(context, mapping, side, id, permit);
  return outcome('waiting', more);
}

/** Whoever took the brake off a moment ago may not have seen this record among those that wait. */
export async function askAgain(
  context: SyncContext,
  mapping: Mapping,
  side: SideIndex,
  id: string,
  { brake }: Braked,
): Promise<void> {
  const now = await context.links(mapping.name).brake.on();
  if (now?.id !== brake.id) await context.enqueue(mapping.name, side, [id]);
}

/** Names of properties in which a value would be overwritten by an empty one. */
export function clearsOf(mapping: Mapping, views: readonly [RecordView, RecordView], decision: Decision): Set<string> {
  const names = new Set<string>();
  for (const side of [0, 1] as const) {
    for (const { property, fingerprint } of decision.writes[side]) {
      const index = mapping.properties.findIndex(({ name }) => name === property);
      if (fingerprint === EMPTY && views[side].fingerprints[index] !== EMPTY) names.add(property);
    }
  }
  return names;
}

/** Writes these properties alone: of the others that would be written nothing is decided yet. */
function only({ writes, base, decisions }: Decision, names: ReadonlySet<string>, stored: StoredBase): Decision {
  const waits = new Set(writes.flat().flatMap(({ property }) => (names.has(property) ? [] : [property])));
  const entries = Object.entries(base).filter(([name]) => !waits.has(name));
  const before = Object.entries(stored.base).filter(([name]) => waits.has(name));
  const goes = (side: SideIndex) => writes[side].filter(({ property }) => !waits.has(property));
  return {
    writes: [goes(0), goes(1)],
    base: Object.fromEntries([...entries, ...before]),
    decisions: decisions.filter(({ property }) => !waits.has(property)),
  };
}

/** Both sides keep what they have of these properties, until one of them changes. */
function without(
  mapping: Mapping,
  views: readonly [RecordView, RecordView],
  { writes, base, decisions }: Decision,
  names: ReadonlySet<string>,
): Decision {
  const kept = mapping.properties.flatMap(({ name }, i) =>
    names.has(name) ? [[name, [views[0].fingerprints[i]!, views[1].fingerprints[i]!]] as const] : [],
  );
  const stays = (side: SideIndex) => writes[side].filter(({ property }) => !names.has(property));
  return {
    writes: [stays(0), stays(1)],
    base: { ...base, ...Object.fromEntries(kept) },
    decisions: decisions.map((one) => (names.has(one.property) ? { property: one.property, rule: 'agreed' } : one)),
  };
}

// ------------------------------------------------------------ what a scan did not meet

export interface Missing {
  /** What is too much to be believed; undefined: each of them may be looked at. */
  readonly tooMany: Pick<Brake, 'count' | 'limit' | 'linked'> | undefined;
  /** They are there again: the brake that was on for them is off. */
  readonly lifted: boolean;
}

/**
 * Weighs all linked records that a scan did not meet, before any of them is looked at.
 * @param complete both sides were read fully
 */
export async function weighMissing(
  context: SyncContext,
  mapping: Mapping,
  missing: readonly [readonly string[], readonly string[]],
  complete: boolean,
): Promise<Missing> {
  const limit = mapping.brake.deletes;
  if (!limit) return { tooMany: undefined, lifted: false };
  const links = context.links(mapping.name);
  const twins = await links.counterparts(1, missing[1]);
  const ids = new Set([...missing[0], ...twins.filter((id) => id !== null)]);
  const { linked, spent } = await present(context, mapping, 'deletes');
  const count = ids.size + spent;
  const loses = ([0, 1] as const).some(
    (side) => missing[side].length > 0 && mapping.sides[otherSide(side)].deletes === 'propagate',
  );
  const most = allowance('deletes', limit, linked, loses);
  const tooMany = ids.size > 0 && count > most ? { count, limit: most, linked } : undefined;
  if (context.dry) return { tooMany, lifted: false };
  if (tooMany) {
    const brake = await links.brake.trip({ kind: 'deletes', by: 'scan', ...tooMany });
    if (brake.kind === 'deletes' && !brake.answer) await links.brake.noteVanished([...ids]);
    return { tooMany, lifted: false };
  }
  const brake = complete ? await brakeOn(context, mapping) : undefined;
  if (brake?.kind !== 'deletes' || brake.answer) return { tooMany, lifted: false };
  if (brake.by === 'scan') return { tooMany, lifted: await links.brake.release(brake) };
  await links.brake.noteVanished([]);
  return { tooMany, lifted: false };
}

// ------------------------------------------------------------ the answer

/**
 * What a person answers to a brake. `continue`: all that is held goes on, and is not counted. `discard`: what the brake
 * was about is not done: survivors are kept, records are left without a counterpart, values stay on both sides; the rest
 * that is held goes on. Asked again after a crash it finishes what is left.
 * @returns how many records go on
 * @throws TandemError NOT_FOUND when no brake is on; CONFLICT when the other answer is being carried out
 */
export async function answerBrake(context: SyncContext, mapping: Mapping, answer: BrakeAnswer): Promise<number> {
  const brake = await brakeOn(context, mapping);
  const stands = brake && (await context.links(mapping.name).brake.answer(brake, answer));
  if (stands !== undefined && stands !== answer)
    throw new TandemError('CONFLICT', `The brake of ${mapping.name} was answered with ${stands} already.`, {
      mapping: mapping.name,
    });
  const released = await (brake && stands
    ? carryOut(context, mapping, { ...brake, answer: stands })
    : releaseBraked(context, mapping));
  if (!brake && released === 0)
    throw new TandemError('NOT_FOUND', `The brake of ${mapping.name} is not on.`, { mapping: mapping.name });
  return released;
}

/** Carries out an answer that was noted: may be begun again at any point. */
export async function carryOut(context: SyncContext, mapping: Mapping, brake: Brake): Promise<number> {
  const links = context.links(mapping.name);
  const permit = { kind: 'braked', brake, holdAs: brake.id } as const;
  const waits = held(context, mapping, holdReason(mapping, permit, 'deletes'), undefined);
  // Before any record goes on: what is held of it may be overwritten by any trouble, the decision is not.
  if (brake.answer === 'discard') {
    for await (const batch of links.allHeld(['failed', 'waiting', 'blocked']))
      await links.decide(
        batch.filter((one) => one.brake === brake.id && one.change === brake.kind),
        { kind: brake.kind },
      );
  }
  // From now on they are known by what is held of them: no scan weighs them again, and each will find the answer.
  for await (const ids of links.brake.vanished()) {
    if (brake.answer === 'discard')
      await links.decide(
        ids.map((id) => ({ side: 0, id })),
        { kind: 'deletes' },
      );
    await links.holdLinks(ids, waits);
  }
  await links.brake.release(brake);
  return releaseBraked(context, mapping);
}

/** Queues all records that a brake held. */
async function releaseBraked(context: SyncContext, mapping: Mapping): Promise<number> {
  let released = 0;
  for await (const braked of context.links(mapping.name).allHeld(['blocked'])) {
    for (const side of [0, 1] as const) {
      const ids = braked.filter((record) => record.side === side).map(({ id }) => id);
      if (ids.length > 0) await context.enqueue(mapping.name, side, ids);
    }
    released += braked.length;
  }
  return released;
}

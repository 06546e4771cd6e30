/**
 * What a person decides by hand: link two records, create a counterpart, choose the winner of a conflict, delete or
 * keep what was left over. Under the same claims as the workers, so that neither side ever sees the other's half.
 */
import { setTimeout } from 'node:timers/promises';
import type { Mapping } from '../config/types.ts';
import { TandemError } from '../errors.ts';
import { otherSide, type SideIndex, type SystemRecord } from '../types.ts';
import { type Claims, linkClaims, matchClaim, recordClaim, underClaims } from './claims.ts';
import type { SyncContext } from './context.ts';
import { baseOfMatch, createCounterpart } from './create.ts';
import { hold, wakeWaiters, wakeWatchers } from './hold.ts';
import { nameCounterpart } from './name.ts';
import { type Outcome, outcome } from './outcome.ts';
import { deletedValues, endLink } from './pair.ts';
import { reconcile } from './reconcile.ts';
import { indexEntry, viewRecord } from './view.ts';

/** How long a person waits for a worker that has the record just now, in ms. */
const PATIENCE = 5_000;

/**
 * Links two records that exist. Nothing is overwritten silently: the reconcile that is queued treats them as two
 * records that meet for the first time.
 * @returns false when they were linked to each other already
 * @throws TandemError LINK_TAKEN, SYSTEM_NOT_FOUND, RECORD_LOCKED
 */
export async function linkByHand(
  context: SyncContext,
  mapping: Mapping,
  ids: readonly [string, string],
): Promise<boolean> {
  const links = context.links(mapping.name);
  const made = await patiently(() =>
    claimed(context, mapping, linkClaims(...ids), async (claims) => {
      const present = [await links.counterpart(0, ids[0]), await links.counterpart(1, ids[1])] as const;
      if (present[0] === ids[1] && present[1] === ids[0]) return false;
      for (const side of [0, 1] as const) {
        if (present[side] !== undefined) throw taken(mapping, side, ids[side], present[side]);
      }
      const records = await Promise.all([readSide(context, mapping, 0, ids[0]), readSide(context, mapping, 1, ids[1])]);
      for (const side of [0, 1] as const) if (!records[side]) throw gone(mapping, side, ids[side]);
      const views = [
        await viewRecord(mapping, 0, records[0]!, context.fingerprinter),
        await viewRecord(mapping, 1, records[1]!, context.fingerprinter),
      ] as const;
      for (const side of [0, 1] as const) await links.index(side, [indexEntry(views[side])]);
      const base = await baseOfMatch(context, mapping, views);
      await claims.confirm();
      await links.commit({ ids, version: '', base, states: ['', ''] });
      // A create whose outcome was not known has found its record.
      for (const side of [0, 1] as const) await links.dropIntent(side, ids[side]);
      return true;
    }),
  );
  await context.enqueue(mapping.name, 0, [ids[0]]);
  if (made) await wakeWaiters(context, mapping, ids);
  return made;
}

/**
 * Creates the counterpart of a record though records that look like it exist, or though it is not known whether an
 * earlier create went through, or anew after the counterpart was deleted: the person has looked.
 * @throws TandemError CONFLICT where this cannot be; what systems throw
 */
export function createByHand(context: SyncContext, mapping: Mapping, side: SideIndex, id: string): Promise<Outcome> {
  const links = context.links(mapping.name);
  const { name } = mapping.sides[side];
  const target = mapping.sides[otherSide(side)];
  return patiently(() =>
    claimed(context, mapping, [recordClaim(side, id)], async (claims) => {
      if (!target.create) throw conflict(mapping, `The mapping creates nothing in ${target.name}.`);
      if (!(await links.ready()))
        throw conflict(mapping, 'Both sides must be read fully once before anything is created.');
      const record = await readSide(context, mapping, side, id);
      if (!record) throw gone(mapping, side, id);
      const view = await viewRecord(mapping, side, record, context.fingerprinter);
      if (!view.inScope) throw conflict(mapping, `${name}.when excludes the record.`);
      const linked = await links.counterpart(side, id);
      if (linked !== undefined) {
        await claims.add([recordClaim(target.index, linked)]);
        if (await readSide(context, mapping, target.index, linked)) throw taken(mapping, side, id, linked);
        await links.unlink(...pairOf(side, id, linked));
        await links.forget(target.index, linked);
      }
      await links.index(side, [indexEntry(view)]);
      await claims.add(view.keys.flatMap((key, rule) => (key === undefined ? [] : [matchClaim(rule, key)])));
      await links.undecide(side, id);
      if ((await links.intent(side, id))?.review) await links.dropIntent(side, id);
      return createCounterpart(context, mapping, view, claims, { decided: true });
    }),
  );
}

/**
 * Decides conflicts that wait for a person: where both sides changed, the values of the side chosen win. Those that lose
 * are kept.
 * @param winner for all properties that wait; undefined: only for those of `chosen`
 * @param chosen the winner of single properties
 * @throws TandemError CONFLICT, BAD_REQUEST for a property that no person decides
 */
export async function takeSide(
  context: SyncContext,
  mapping: Mapping,
  side: SideIndex,
  id: string,
  winner: SideIndex | undefined,
  chosen: ReadonlyMap<string, SideIndex> = new Map(),
): Promise<Outcome> {
  for (const name of chosen.keys()) {
    const property = mapping.properties.find((candidate) => candidate.name === name);
    const fault = !property
      ? `The mapping has no property "${name}".`
      : property.conflict === 'review'
        ? undefined
        : `Conflicts of "${name}" are not left to a person: the mapping decides them.`;
    if (fault) throw new TandemError('BAD_REQUEST', fault, { mapping: mapping.name });
  }
  if ((await context.links(mapping.name).counterpart(side, id)) === undefined)
    throw conflict(mapping, 'The record has no link: there is no other side to choose between.');
  const decided: Mapping = {
    ...mapping,
    properties: mapping.properties.map((one) => {
      const choice = chosen.get(one.name) ?? winner;
      return one.conflict === 'review' && choice !== undefined ? { ...one, conflict: choice } : one;
    }),
  };
  // An edit of one side alone is no choice between two.
  const person: SyncContext['person'] = ({ property, rule }) =>
    rule === 'conflict' &&
    mapping.properties.some((one) => one.name === property && one.conflict === 'review') &&
    (chosen.get(property) ?? winner) !== undefined;
  return patiently(() => reconcile({ ...context, person }, decided, side, id));
}

/** Deletes what is left of a link whose other record is gone, and forgets the link. */
export async function deleteSurvivor(
  context: SyncContext,
  mapping: Mapping,
  side: SideIndex,
  id: string,
): Promise<Outcome> {
  const links = context.links(mapping.name);
  const counterpart = await links.counterpart(side, id);
  if (counterpart === undefined)
    throw conflict(mapping, 'The record has no link: only what is left of a link is deleted here.');
  const ids = pairOf(side, id, counterpart);
  return patiently(() =>
    claimed(context, mapping, linkClaims(...ids), async (claims) => {
      if ((await links.counterpart(side, id)) !== counterpart)
        throw conflict(mapping, 'The link changed meanwhile: look at it again.');
      const records = await Promise.all([readSide(context, mapping, 0, ids[0]), readSide(context, mapping, 1, ids[1])]);
      if (records[0] && records[1]) throw conflict(mapping, 'Both records of the link exist: nothing is deleted.');
      const survivor: SideIndex = records[0] ? 0 : 1;
      const { system, entity } = mapping.sides[survivor];
      const record = records[survivor];
      if (record) {
        await links.keepLost(
          ids,
          deletedValues(mapping, await viewRecord(mapping, survivor, record, context.fingerprinter)),
        );
        await claims.confirm();
        await context.client(system.name).delete(entity.name, ids[survivor]);
      }
      await endLink(context, mapping, ids);
      return record ? outcome('deleted', { ids, side: survivor }) : outcome('gone', { ids });
    }),
  );
}

/**
 * Breaks a link under the claims of the reconcile, which would else record it anew. Both records stay, but for the
 * correlation: it no longer names the other.
 * @returns false when they are not linked to each other (any more)
 */
export async function unlinkByHand(
  context: SyncContext,
  mapping: Mapping,
  ids: readonly [string, string],
): Promise<boolean> {
  const links = context.links(mapping.name);
  const broken = await patiently(() =>
    claimed(context, mapping, linkClaims(...ids), async (claims) => {
      if ((await links.counterpart(0, ids[0])) !== ids[1]) return false;
      const views = await Promise.all(
        ([0, 1] as const).map(async (side) => {
          const record = await readSide(context, mapping, side, ids[side]);
          return record && (await viewRecord(mapping, side, record, context.fingerprinter));
        }),
      );
      // A record that goes on naming the other would be linked to it again.
      for (const side of [0, 1] as const) {
        const view = views[side];
        if (view?.correlationId === undefined || view.correlationId !== ids[otherSide(side)]) continue;
        await claims.confirm();
        if (await nameCounterpart(context, mapping, view, undefined))
          views[side] = { ...view, correlationId: undefined };
      }
      const ended = await links.unlink(...ids);
      // Both may be somebody's counterpart again: those who are in review because of them are looked at next.
      for (const side of [0, 1] as const) if (ended && views[side]) await links.index(side, [indexEntry(views[side])]);
      return ended;
    }),
  );
  for (const side of [0, 1] as const) await wakeWatchers(context, mapping, side, ids[side]);
  return broken;
}

/**
 * Leaves a record as it is, until it changes.
 * @throws TandemError NOT_FOUND where nothing waits for a person, RECORD_LOCKED
 */
export function leaveAlone(context: SyncContext, mapping: Mapping, side: SideIndex, id: string): Promise<void> {
  const links = context.links(mapping.name);
  return patiently(() =>
    claimed(context, mapping, [recordClaim(side, id)], async () => {
      const held = await links.held(side, id);
      if (held?.kind !== 'review')
        throw new TandemError('NOT_FOUND', 'Nothing waits for a decision on this record.', {
          mapping: mapping.name,
          id,
        });
      await links.unwatch(held.candidates ?? [], side, id);
      const [state] = await links.states(side, [id]);
      const linked = (await links.counterpart(side, id)) !== undefined;
      // A conflict stays one, and comes back when either side changes; explain shows it meanwhile.
      if (linked && held.code !== undefined) return links.handled(side, id, state ?? '');
      // `gone` keeps full scans from asking again for the lost counterpart.
      const kind = linked ? 'gone' : 'unmatched';
      await hold(context, mapping, side, id, state ?? '', {
        kind,
        reason: `A person decided to leave it as it is. Before: ${held.reason}`,
      });
    }),
  );
}

export const readSide = (
  context: SyncContext,
  mapping: Mapping,
  side: SideIndex,
  id: string,
): Promise<SystemRecord | undefined> =>
  context.client(mapping.sides[side].system.name).read(mapping.sides[side].entity.name, id);

export const pairOf = (side: SideIndex, id: string, counterpart: string): [string, string] =>
  side === 0 ? [id, counterpart] : [counterpart, id];

export const conflict = (mapping: Mapping, message: string): TandemError =>
  new TandemError('CONFLICT', message, { mapping: mapping.name });

export function gone(mapping: Mapping, side: SideIndex, id: string): TandemError {
  const { name, entity } = mapping.sides[side];
  return new TandemError('SYSTEM_NOT_FOUND', `${name} has no record "${id}" of ${entity.name}.`, {
    mapping: mapping.name,
    side: name,
    id,
  });
}

function taken(mapping: Mapping, side: SideIndex, id: string, counterpart: string): TandemError {
  const [own, other] = [mapping.sides[side].name, mapping.sides[otherSide(side)].name];
  return new TandemError('LINK_TAKEN', `${own} "${id}" is linked to ${other} "${counterpart}".`, {
    mapping: mapping.name,
    side: own,
    id,
  });
}

export const claimed = <T>(
  context: SyncContext,
  mapping: Mapping,
  names: readonly string[],
  work: (claims: Claims) => Promise<T>,
): Promise<T> => underClaims(context.links(mapping.name), context.owner, names, work, context.claimTtl);

/** Waits a moment for a worker that holds one of the claims. */
export async function patiently<T>(work: () => Promise<T>): Promise<T> {
  const end = performance.now() + PATIENCE;
  for (;;) {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof TandemError) || error.code !== 'RECORD_LOCKED' || performance.now() > end) throw error;
      await setTimeout(error.context.retryAfter ?? 250);
    }
  }
}

/**
 * What a person decides by hand: link two records, create a counterpart, choose the winner of a conflict, delete or
 * keep what was left over, put a value back. The person's choice is one more fact for `decide`, under the same claims as
 * those of the workers, so that neither ever sees the other's half.
 */
import { setTimeout } from 'node:timers/promises';
import { TandemError } from '../errors.ts';
import { conflictError } from '../merge/choice-errors.ts';
import { placeOf, whyNotRestorable } from '../merge/restore.ts';
import type { Outcome } from '../model/outcome.ts';
import type { Pair, SideIndex } from '../types.ts';
import type { Choice, Unit } from './facts.ts';
import { reconcileByHand } from './reconcile.ts';
import type { MappingScope } from './scope.ts';

/** How long a person waits for a worker that has the record just now, in ms. */
const PATIENCE = 5_000;

type Record = Pick<Unit, 'side' | 'id'>;

/**
 * Links two records that exist. Nothing is overwritten silently: the look that follows treats them as two records that
 * meet for the first time.
 * @returns false when they were linked to each other already
 * @throws TandemError LINK_TAKEN, SYSTEM_NOT_FOUND, RECORD_LOCKED
 */
export async function linkByHand(scope: MappingScope, ids: Pair<string>): Promise<boolean> {
  const { kind } = await choose(scope, { side: 0, id: ids[0] }, { kind: 'link', ids });
  if (kind !== 'matched') await scope.markDirty(scope.mapping.name, 0, [ids[0]]);
  return kind === 'matched';
}

/**
 * Breaks a link. Both records stay, but for the correlation id: it no longer names the other.
 * @returns false when they are not linked to each other (any more)
 * @throws TandemError RECORD_LOCKED; what systems throw
 */
export async function unlinkByHand(scope: MappingScope, ids: Pair<string>): Promise<boolean> {
  return (await choose(scope, { side: 0, id: ids[0] }, { kind: 'unlink', ids })).kind === 'updated';
}

/**
 * Creates the counterpart of a record though records that look like it exist, or though it is not known whether an
 * earlier create went through, or again after the counterpart was deleted: the person has looked.
 * @throws TandemError CONFLICT where this cannot be; what systems throw
 */
export const createByHand = (scope: MappingScope, record: Record): Promise<Outcome> =>
  choose(scope, record, { kind: 'create' });

/**
 * Decides conflicts that wait for a person: where both sides changed, the values of the side chosen win. Those that lose
 * are kept.
 * @param winner for all properties that wait; undefined: only for those of `properties`
 * @param properties the winner of single properties
 * @throws TandemError CONFLICT, BAD_REQUEST for a property that no person decides
 */
export const resolveConflict = (
  scope: MappingScope,
  record: Record,
  winner: SideIndex | undefined,
  properties: ReadonlyMap<string, SideIndex> = new Map(),
): Promise<Outcome> => choose(scope, record, { kind: 'resolve-conflict', winner, properties });

/** Deletes what is left of a link whose other record is gone, and ends the link. @throws TandemError CONFLICT */
export const deleteSurvivor = (scope: MappingScope, record: Record): Promise<Outcome> =>
  choose(scope, record, { kind: 'delete' });

/**
 * Leaves a record as it is, until it changes.
 * @throws TandemError NOT_FOUND where nothing waits for a person, RECORD_LOCKED
 */
export async function dismiss(scope: MappingScope, record: Record): Promise<void> {
  await choose(scope, record, { kind: 'dismiss' });
}

/**
 * Makes a value of the history the value on both sides again; of a one-way property whose follower lost it, on the
 * follower.
 * @param entry name of the history's entry
 * @returns what the reconcile that carries it over came to
 * @throws TandemError NOT_FOUND, CONFLICT, SYSTEM_NOT_FOUND, RECORD_LOCKED, and why the value cannot be written
 */
export async function restoreValue(scope: MappingScope, { side, id }: Record, entry: string): Promise<Outcome> {
  const { links, mapping } = scope;
  const owner = await links.history.historyOf(side, id);
  const value = owner === undefined ? undefined : (await links.history.history(owner)).find((one) => one.id === entry);
  if (!value)
    throw new TandemError('NOT_FOUND', `The history of this record has no entry "${entry}".`, {
      mapping: mapping.name,
      side: mapping.sides[side].name,
      id,
    });
  const linked = (await links.reader.counterpart(side, id)) !== undefined;
  const place = placeOf(mapping, value);
  const refusal = whyNotRestorable(mapping, linked, value);
  if (refusal !== undefined || !place) throw conflictError(mapping, refusal ?? 'The mapping has no such property.');
  return choose(
    scope,
    { side, id },
    { kind: 'restore', entry: value, property: place.property.name, side: place.side },
  );
}

/** Waits a moment for a worker that has one of the records. */
async function choose(scope: MappingScope, record: Record, choice: Choice): Promise<Outcome> {
  const end = performance.now() + PATIENCE;
  for (;;) {
    try {
      return await reconcileByHand(scope, record, choice);
    } catch (error) {
      if (!(error instanceof TandemError) || error.code !== 'RECORD_LOCKED' || performance.now() > end) throw error;
      await setTimeout(error.context.retryAfter ?? 250);
    }
  }
}

/**
 * The brake around runs: what a scan did not see is weighed before any of it is looked at, and the answer of a person is
 * carried out. Whether a single write is allowed is part of `decide`.
 */
import { allowance } from '../config/brake-limits.ts';
import type { Mapping } from '../config/types.ts';
import { TandemError } from '../errors.ts';
import { blockedTrouble, isLimited } from '../merge/permit.ts';
import { recordKey } from '../model/record-key.ts';
import type { Brake, BrakeAnswer } from '../store/brake.ts';
import type { Store } from '../store/store.ts';
import { otherSide, type Pair } from '../types.ts';
import { linkedBefore } from './linked-before.ts';
import type { MappingScope } from './scope.ts';
import type { SyncContext } from './sync-context.ts';

export { brakeReason } from '../merge/permit.ts';

/**
 * The brake that is on, if one is: the caller may have another version of the mapping, so nothing follows from asking.
 */
export const brakeOn = (
  context: Pick<SyncContext, 'links'>,
  mapping: Pick<Mapping, 'name'>,
): Promise<Brake | undefined> => context.links(mapping.name).brake.on();

type Scope = Pick<MappingScope, 'mapping' | 'links'>;

/**
 * Takes off the brake whose limit was taken out of the mapping. For those who have the version in force.
 * @returns the brake that stays on
 */
export async function liftUnlimited({ mapping, links }: Scope): Promise<Brake | undefined> {
  const brake = await links.brake.on();
  // An answer goes first: it is carried out, and takes the brake off.
  if (!brake || brake.answer || isLimited(mapping.brake, brake.kind)) return brake;
  await links.brake.release(brake);
  return undefined;
}

// ------------------------------------------------------------ what a scan did not see

export interface Missing {
  /** What is too much to be believed; undefined: each of them may be looked at. */
  readonly tooMany: Pick<Brake, 'count' | 'limit' | 'linked'> | undefined;
  /** They are there again: the brake that was on for them is off. */
  readonly lifted: boolean;
}

/**
 * Weighs the linked records that a scan did not see, before any of them is looked at.
 * @param missing without those of which an issue tells already that something is the matter: they would be counted each time
 */
export async function weighMissing(
  scope: Pick<MappingScope, 'mapping' | 'links' | 'runSince'>,
  missing: Pair<readonly string[]>,
): Promise<(Missing['tooMany'] & { readonly ids: readonly string[] }) | undefined> {
  const { mapping, links } = scope;
  const limit = mapping.brake.deletes;
  if (!limit) return undefined;
  const counterparts = await links.reader.counterparts(1, missing[1]);
  const ids = new Set([...missing[0], ...counterparts.filter((id) => id !== null)]);
  const { linked, consumed } = await linkedBefore(scope, 'deletes');
  const count = ids.size + consumed;
  const loses = ([0, 1] as const).some(
    (side) => missing[side].length > 0 && mapping.sides[otherSide(side)].deletes === 'propagate',
  );
  const most = allowance('deletes', limit, linked, loses);
  return ids.size > 0 && count > most ? { count, limit: most, linked, ids: [...ids] } : undefined;
}

/**
 * Puts the brake on for what is too much, or takes off one that a scan put on before, where all is there again.
 * @param complete both sides were read fully
 */
export async function brakeForMissing(
  { links }: Pick<MappingScope, 'links'>,
  tooMany: Awaited<ReturnType<typeof weighMissing>>,
  complete: boolean,
): Promise<Missing> {
  if (tooMany) {
    const { ids, ...weighed } = tooMany;
    const brake = await links.brake.trip({ kind: 'deletes', by: 'scan', ...weighed });
    if (brake.kind === 'deletes' && !brake.answer) await links.brake.noteMissing(ids);
    return { tooMany: weighed, lifted: false };
  }
  const brake = complete ? await links.brake.on() : undefined;
  if (brake?.kind !== 'deletes' || brake.answer) return { tooMany: undefined, lifted: false };
  if (brake.by === 'scan') return { tooMany: undefined, lifted: await links.brake.release(brake) };
  await links.brake.noteMissing([]);
  return { tooMany: undefined, lifted: false };
}

// ------------------------------------------------------------ the answer

/**
 * What a person answers to a brake. `continue`: all that it blocks goes on, and is not counted. `discard`: what the brake
 * was about is not done: survivors are kept, records are left without a counterpart, values stay on both sides; the rest
 * that it blocks goes on. Asked again after a crash it finishes what is left.
 * @returns how many records go on
 * @throws TandemError NOT_FOUND when no brake is on; CONFLICT when the other answer is being carried out
 */
export async function answerBrake(scope: MappingScope, answer: BrakeAnswer): Promise<number> {
  const { links, mapping } = scope;
  const brake = await links.brake.on();
  const stands = brake && (await links.brake.answer(brake, answer));
  if (stands !== undefined && stands !== answer)
    throw new TandemError('CONFLICT', `The brake of ${mapping.name} was answered with ${stands} already.`, {
      mapping: mapping.name,
    });
  const released = await (brake && stands ? carryOut(scope, { ...brake, answer: stands }) : markBlocked(scope));
  if (!brake && released === 0)
    throw new TandemError('NOT_FOUND', `The brake of ${mapping.name} is not on.`, { mapping: mapping.name });
  return released;
}

/** Carries out an answer that was noted: may be begun again at any point. */
export async function carryOut(scope: MappingScope, brake: Brake): Promise<number> {
  const { links } = scope;
  // Before any record goes on: its issue may be replaced by any trouble, the decision is not.
  if (brake.answer === 'discard') {
    for await (const batch of links.issues.list(['failed', 'waiting', 'blocked'])) {
      const stopped = batch.filter(({ issue }) => issue.brake === brake.id && issue.change === brake.kind);
      const decision = { kind: brake.kind };
      await links.issues.patch(stopped.map(({ side, id }) => [recordKey(side, id), { decision }]));
    }
  }
  // What a person allowed once is not counted from the beginning again.
  if (brake.answer === 'continue' && brake.kind === 'creates') await links.progress.allowFirstSync();
  // From now on they are known by their issues: no scan weighs them again, and each will find the answer.
  for await (const ids of links.brake.missing()) await blockMissing(scope, links, brake, ids);
  await links.brake.release(brake);
  return markBlocked(scope);
}

async function blockMissing(
  { mapping, job }: MappingScope,
  links: Store,
  brake: Brake,
  ids: readonly string[],
): Promise<void> {
  const trouble = blockedTrouble(mapping, { kind: 'block', brake, blockedBy: brake.id }, 'deletes');
  const issue = { ...trouble, mapping: mapping.version, since: Date.now(), ...(job === undefined ? {} : { job }) };
  const decision = brake.answer === 'discard' ? { decision: { kind: 'deletes' } as const } : {};
  await links.issues.patch(ids.map((id) => [recordKey(0, id), { ...decision, issue }]));
}

/** Has all records looked at that a brake blocked. @returns how many */
async function markBlocked({ links, mapping, markDirty }: MappingScope): Promise<number> {
  let released = 0;
  for await (const blocked of links.issues.list(['blocked'])) {
    for (const side of [0, 1] as const) {
      const ids = blocked.filter((record) => record.side === side).map(({ id }) => id);
      if (ids.length > 0) await markDirty(mapping.name, side, ids);
    }
    released += blocked.length;
  }
  return released;
}

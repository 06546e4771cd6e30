/** Records that wait: why, and who is told once that changes. */
import type { Mapping } from '../config/types.ts';
import type { TandemError } from '../errors.ts';
import { parseRecordKey } from '../links/keys.ts';
import type { Held } from '../links/links.ts';
import type { SideIndex } from '../types.ts';
import type { Reference, SyncContext } from './context.ts';
import { type Outcome, outcome } from './outcome.ts';

export type HoldReason = Omit<Held, 'mapping' | 'since'>;

/** @param former what was held of the record until now: the same trouble goes on since then, however often it is tried */
export const held = (
  context: Pick<SyncContext, 'job'>,
  mapping: Mapping,
  reason: HoldReason,
  former: Held | undefined,
): Held => ({
  ...reason,
  mapping: mapping.version,
  since: sameTrouble(former, reason) ? former.since : Date.now(),
  ...(context.job === undefined ? {} : { job: context.job }),
});

/** As `held`, of a record that could not be handled: this does not take it out of a brake, whose answer is about it too. */
export const heldStill = (...[context, mapping, reason, former]: Parameters<typeof held>): Held => ({
  ...held(context, mapping, reason, former),
  ...(former?.brake !== undefined &&
  former.change !== undefined &&
  (reason.kind === 'failed' || reason.kind === 'waiting')
    ? { brake: former.brake, change: former.change }
    : {}),
});

/** Whether it waits for the same thing; the words of a system may differ from one try to the next. */
const sameTrouble = (former: Held | undefined, { kind, code, property }: HoldReason): former is Held =>
  former?.kind === kind && former.code === code && former.property === property;

/** What is held for an error, in plain words. */
export function reasonOf(error: TandemError, refs: readonly Reference[] = []): HoldReason {
  return {
    kind: error.code === 'REFERENCE_WAITING' ? 'waiting' : 'failed',
    code: error.code,
    reason: error.message,
    ...(error.context.property === undefined ? {} : { property: error.context.property }),
    ...(error.code === 'REFERENCE_WAITING' ? { refs } : {}),
  };
}

export function heldOutcome(error: TandemError): Outcome {
  return outcome(error.code === 'REFERENCE_WAITING' ? 'waiting' : 'failed', {
    code: error.code,
    reason: error.message,
    ...(error.context.property === undefined ? {} : { property: error.context.property }),
  });
}

/**
 * Holds a record without a link in the state it is in. Whoever refers to it learns that it has been looked at.
 * @param state the record is looked at again once its state differs from this
 */
export async function hold(
  context: SyncContext,
  mapping: Mapping,
  side: SideIndex,
  id: string,
  state: string,
  reason: HoldReason,
): Promise<void> {
  if (context.dry) return;
  const links = context.links(mapping.name);
  await links.hold(side, id, state, heldStill(context, mapping, reason, await links.held(side, id)));
  await links.doubtIntent(side, id);
  await wake(context, mapping, side, id);
  await waitFor(context, mapping, side, id, reason.refs ?? []);
  if (reason.kind === 'review') await links.watch(reason.candidates ?? [], side, id);
}

/** Registers with the records waited for, has them looked at, and looks again in case one was linked meanwhile. */
export async function waitFor(
  context: SyncContext,
  mapping: Mapping,
  side: SideIndex,
  id: string,
  refs: readonly Reference[],
): Promise<void> {
  for (const ref of refs) {
    const links = context.links(ref.mapping);
    await links.wait(ref.side, ref.id, `${mapping.name}|${side}|${id}`);
    if ((await links.counterpart(ref.side, ref.id)) !== undefined)
      await wake(context, { name: ref.mapping }, ref.side, ref.id);
    else if (!(await links.held(ref.side, ref.id))) await context.enqueue(ref.mapping, ref.side, [ref.id]);
  }
}

/** A new link: whoever waited for one of its records goes on. */
export async function wakeWaiters(
  context: SyncContext,
  mapping: Pick<Mapping, 'name'>,
  ids: readonly [string, string],
): Promise<void> {
  await wake(context, mapping, 0, ids[0]);
  await wake(context, mapping, 1, ids[1]);
  for (const side of [0, 1] as const) await wakeWatchers(context, mapping, side, ids[side]);
}

/**
 * A record was linked or is gone, takes no part any more, or has other match keys: whoever is in review because of it is
 * looked at again, for the choice may be another one now, or none.
 */
export async function wakeWatchers(
  context: SyncContext,
  mapping: Pick<Mapping, 'name'>,
  side: SideIndex,
  id: string,
): Promise<void> {
  const links = context.links(mapping.name);
  const watchers = await links.watchers(side, id);
  for (const watcher of watchers) {
    const record = parseRecordKey(watcher);
    await context.enqueue(mapping.name, record.side, [record.id]);
  }
  // Only now, as with those that wait for a link.
  await links.dropWatchers(side, id, watchers);
}

async function wake(context: SyncContext, mapping: Pick<Mapping, 'name'>, side: SideIndex, id: string): Promise<void> {
  const links = context.links(mapping.name);
  const waiters = await links.waiters(side, id);
  for (const waiter of waiters) {
    const [name, waitingSide, ...rest] = waiter.split('|');
    if (context.config.mappings.has(name!)) await context.enqueue(name!, waitingSide === '1' ? 1 : 0, [rest.join('|')]);
  }
  // Only now: a crash before this line wakes them once more, which is harmless.
  await links.dropWaiters(side, id, waiters);
}

/** Records that wait: why, and who is told once that changes. */
import type { Mapping } from '../config/types.ts';
import type { TandemError } from '../errors.ts';
import type { Held } from '../links/links.ts';
import type { SideIndex } from '../types.ts';
import type { Reference, SyncContext } from './context.ts';
import { type Outcome, outcome } from './outcome.ts';

export type HoldReason = Omit<Held, 'mapping' | 'since'>;

export const held = (context: SyncContext, mapping: Mapping, reason: HoldReason): Held => ({
  ...reason,
  mapping: mapping.version,
  since: Date.now(),
  ...(context.job === undefined ? {} : { job: context.job }),
});

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
  await links.hold(side, id, state, held(context, mapping, reason));
  await links.doubtIntent(side, id);
  await wake(context, mapping, side, id);
  await waitFor(context, mapping, side, id, reason.refs ?? []);
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

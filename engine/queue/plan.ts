/** A plan: what a run would do, without writing anything to either system. */
import { setTimeout } from 'node:timers/promises';
import type { Mapping } from '../config/types.ts';
import type { Engine } from '../engine.ts';
import { asTandemError } from '../errors.ts';
import type { SyncContext } from '../sync/context.ts';
import { type Outcome, outcome } from '../sync/outcome.ts';
import { reconcile } from '../sync/reconcile.ts';
import { type ScanKind, scan } from '../sync/scan.ts';
import type { SideIndex } from '../types.ts';
import type { Run } from './runs.ts';

/** @param context made with `dry` */
export async function planScan(
  engine: Engine,
  context: SyncContext,
  mapping: Mapping,
  run: Run,
  kind: ScanKind,
  record?: { side: SideIndex; id: string },
): Promise<void> {
  const links = engine.links(mapping.name);
  const planOne = async (side: SideIndex, id: string): Promise<void> => {
    const planned = await dryReconcile(context, mapping, side, id);
    // Two records that would be linked are one entry: that of the first, unless only the second needs work.
    if (
      planned.kind === 'matched' &&
      side === 1 &&
      planned.ids &&
      (await links.states(0, [planned.ids[0]]))[0] === null
    )
      return;
    await engine.runs.plan(run, { ...planned, record: { side, id } });
  };
  if (record) return planOne(record.side, record.id);
  const wasReady = await links.ready();
  // Before both sides were read, nothing can be matched: what the reading finds is noted first, as in a real run.
  const found = async (side: SideIndex, ids: readonly string[]): Promise<void> => {
    if (!wasReady) await links.parkUntilReady(side, ids);
    else for (const id of ids) await planOne(side, id);
  };
  await scan(context, mapping, kind, { found, progress: (progress) => engine.runs.read(run, progress) });
  for await (const { side, ids } of links.allParked()) for (const id of ids) await planOne(side, id);
}

async function dryReconcile(context: SyncContext, mapping: Mapping, side: SideIndex, id: string): Promise<Outcome> {
  for (;;) {
    try {
      return await reconcile(context, mapping, side, id);
    } catch (cause) {
      const error = asTandemError(cause);
      if (error.retry !== 'quota') return outcome('failed', { code: error.code, reason: error.message });
      await setTimeout(error.context.retryAfter ?? 1_000);
    }
  }
}

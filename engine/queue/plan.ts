/** A plan: what a run would do, without writing anything to either system. */
import { setTimeout } from 'node:timers/promises';
import { allowance } from '../config/brake-limits.ts';
import type { Mapping } from '../config/types.ts';
import type { Engine } from '../engine.ts';
import { asTandemError, type TandemError } from '../errors.ts';
import { type Outcome, outcome } from '../model/outcome.ts';
import type { Run } from '../store/runs.ts';
import { backfill } from '../sync/backfill.ts';
import { brakeOn, brakeReason, type Missing } from '../sync/brake-answer.ts';
import { mappingScope } from '../sync/mapping-scope.ts';
import { plan } from '../sync/reconcile.ts';
import { type RunKind, type ScanOptions, scan } from '../sync/scan.ts';
import type { MappingScope } from '../sync/scope.ts';
import type { SyncContext } from '../sync/sync-context.ts';
import type { SideIndex } from '../types.ts';

/** @returns what the brake would say to it, '' if nothing */
export async function planScan(
  engine: Engine,
  context: SyncContext,
  mapping: Mapping,
  run: Run,
  kind: RunKind,
  record?: { side: SideIndex; id: string },
): Promise<string> {
  const links = engine.links(mapping.name);
  const scope = mappingScope(context, mapping);
  const planOne = async (side: SideIndex, id: string): Promise<void> => {
    const planned = await planRecord(scope, side, id);
    // Two records that would be linked are one entry: that of the first, unless only the second needs work.
    if (
      planned.kind === 'matched' &&
      side === 1 &&
      planned.ids &&
      (await links.reader.lookup(0, [planned.ids[0]]))[0]?.unlinked?.state === undefined
    )
      return;
    await engine.runs.plan(run, { ...planned, record: { side, id } });
  };
  if (record) {
    await planOne(record.side, record.id);
    return '';
  }
  const progress: ScanOptions['progress'] = (page) => engine.runs.read(run, page);
  if (kind === 'backfill') {
    const each = async (side: SideIndex, ids: readonly string[]): Promise<void> => {
      for (const id of ids) await planOne(side, id);
    };
    await backfill(context, mapping, { found: each, progress });
    const brake = await brakeOn(context, mapping);
    return brake ? brakeReason(mapping, brake) : '';
  }
  const wasReady = await links.progress.ready();
  // Before both sides were read, nothing can be matched: what the reading finds is noted first, as in a real run.
  const found = async (side: SideIndex, ids: readonly string[]): Promise<void> => {
    if (!wasReady) await links.waitingRoom.addUntilReady(side, ids);
    else for (const id of ids) await planOne(side, id);
  };
  const { weighed, refused } = await scan(context, mapping, kind, { found, progress, plan: true });
  for await (const { side, ids } of links.waitingRoom.allWaiting()) for (const id of ids) await planOne(side, id);
  if (refused !== undefined) return `A run would refuse to begin: ${refused}`;
  return (await planWarning(engine, context, mapping, run, weighed)) ?? '';
}

async function planWarning(
  engine: Engine,
  context: SyncContext,
  mapping: Mapping,
  run: Run,
  { tooMany }: Missing,
): Promise<string | undefined> {
  const brake = await brakeOn(context, mapping);
  if (brake) return brakeReason(mapping, brake);
  if (tooMany)
    return `The brake would trip: ${tooMany.count} of ${tooMany.linked} linked records are missing, and ${tooMany.limit} may be.`;
  const links = engine.links(mapping.name);
  const created = (await engine.runs.get(run.id))?.counts.created ?? [0, 0];
  const count = created[0] + created[1];
  if (!(await links.progress.ready())) {
    const { firstSync = Infinity } = mapping.brake;
    if (count <= firstSync || (await links.progress.firstSyncAllowed())) return undefined;
    return `The brake would trip: the first sync would create ${count} records, and ${firstSync} may be before a person has seen them. If they are right: tandem sync ${mapping.name} --full --allow-creates`;
  }
  const limit = mapping.brake.creates;
  if (!limit) return undefined;
  const most = allowance('creates', limit, await links.links.count());
  return count > most
    ? `The brake may trip: ${count} records would be created, and ${most} may be in one run.`
    : undefined;
}

function tooEarly({ code, message, context: { retryAfter = 1_000 } }: TandemError): Outcome {
  const reason = `${message} It is too early to say: plan it again after ${Math.ceil(retryAfter / 1_000)} s.`;
  return outcome('waiting', { code, reason });
}

/** Waits for quota and for a system that is down: all that follows would meet the same. */
async function planRecord(scope: MappingScope, side: SideIndex, id: string): Promise<Outcome> {
  for (;;) {
    try {
      return await plan(scope, { side, id });
    } catch (cause) {
      const error = asTandemError(cause);
      // It may last as long as reads lag, for each of many records: the plan says so and goes on.
      if (error.code === 'RECORD_LOCKED') return tooEarly(error);
      if (error.retry !== 'quota') return outcome('failed', { code: error.code, reason: error.message });
      await setTimeout(error.context.retryAfter ?? 1_000);
    }
  }
}

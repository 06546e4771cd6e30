/** Puts edits of the configuration into force in this process, and reports which mappings could not be. */
import type { Engine } from '../engine.ts';
import { asTandemError } from '../errors.ts';
import { followConfigChange } from '../queue/config-change.ts';
import { tellMissing } from '../queue/missing.ts';
import { applySchedules } from '../queue/schedules.ts';
import { syncWorkers } from './mapping-workers.ts';
import type { WorkersContext } from './workers-context.ts';

/** The files were edited. */
export async function followFiles(context: WorkersContext): Promise<void> {
  await context.member.refresh();
  syncWorkers(context);
  await followConfigChanges(context, [...context.pending]);
  await tellMissing(context.engine);
}

/** @param names mappings whose version in force came to this process, or that are pending */
export async function followConfigChanges(
  { engine, member, schedules, pending }: WorkersContext,
  names: Iterable<string>,
): Promise<void> {
  const edited = [...names];
  const failed = new Map<string, unknown>();
  const mappings = engine.config.current().mappings;
  try {
    if (schedules) await applySchedules(engine, member.held(), (name, error) => failed.set(name, error));
  } catch (error) {
    for (const name of member.held()) failed.set(name, error);
  }
  for (const name of edited) {
    const mapping = mappings.get(name);
    if (!mapping || failed.has(name)) continue;
    await followConfigChange(engine, mapping, schedules).catch((error: unknown) => failed.set(name, error));
  }
  for (const name of new Set([...edited, ...pending, ...failed.keys()])) {
    const mapping = mappings.get(name);
    const error = failed.get(name);
    if (error === undefined || !mapping) pending.delete(name);
    else pending.add(name);
    if (!mapping) continue;
    const reason = error === undefined ? undefined : asTandemError(error).message;
    engine.config.applied(mapping, reason);
    if (reason !== undefined)
      engine.logger.error({ mapping: name, file: mapping.file, reason }, 'a mapping could not be put into force');
  }
}

export function inBackground({ logger }: Engine, work: Promise<unknown>): void {
  work.catch((error: unknown) => logger.error({ reason: String(error) }, 'applying a change of the configuration'));
}

/** Scheduled scans through BullMQ's job schedulers: changes often, everything rarely, as each mapping declares. */
import type { Engine } from '../engine.ts';
import type { ScanKind } from '../sync/scan.ts';

const PREFIX = 'schedule';
/** A new schedule begins after a minute at most, in ms: soon, yet a person who starts the first sync by hand comes first. */
const FIRST_SCAN = 60_000;

/** Makes the schedulers in Redis those that the mappings declare. Idempotent; every worker process does it. */
export async function applySchedules(engine: Engine): Promise<void> {
  const wanted = new Map<string, { every: number; mapping: string; scan: ScanKind }>();
  for (const { name, schedule } of engine.config.current().mappings.values()) {
    for (const scan of ['changes', 'full'] as const) {
      const every = schedule[scan];
      if (every !== undefined) wanted.set(`${PREFIX}.${scan}.${name}`, { every, mapping: name, scan });
    }
  }
  const { scan: queue } = engine.queues;
  for (const { key } of await queue.getJobSchedulers(0, -1)) {
    if (key.startsWith(`${PREFIX}.`) && !wanted.has(key)) await queue.removeJobScheduler(key);
  }
  for (const [key, { every, mapping, scan }] of wanted) {
    const known = await queue.getJobScheduler(key);
    // Left alone when it is as it should be, so that a restart does not begin the interval anew.
    if (known?.every === every) continue;
    // The first scan of changes reads everything, so the first full one can wait for its turn.
    const startDate = Date.now() + (scan === 'full' ? every : Math.min(every, FIRST_SCAN));
    await queue.upsertJobScheduler(key, { every, startDate }, { name: 'scan', data: { mapping, scan } });
  }
}

/** Scheduled scans through BullMQ's job schedulers: changes often, everything rarely, as each mapping declares. */
import type { Engine } from '../engine.ts';
import type { ScanKind } from '../sync/scan.ts';

const PREFIX = 'schedule';

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
    // A full scan begins with the first changes scan, which reads everything the first time; so the first one waits.
    const later = scan === 'full' ? { startDate: Date.now() + every } : {};
    await queue.upsertJobScheduler(key, { every, ...later }, { name: 'scan', data: { mapping, scan } });
  }
}

/**
 * Scheduled scans through BullMQ's job schedulers: changes often, or rarely while webhooks tell of them, and everything
 * rarely, as each mapping declares.
 */
import type { ScheduleConfig } from '../config/types.ts';
import { registeredSystems } from '../connectors/registered.ts';
import type { Engine } from '../engine.ts';
import type { ScanKind } from '../sync/scan.ts';

const PREFIX = 'schedule';
/** A new schedule begins after a minute at most, in ms: soon, yet a person who starts the first sync by hand comes first. */
const FIRST_SCAN = 60_000;

/** Whether anything of the mapping is read by itself. */
export const isScheduled = ({ changes, full }: ScheduleConfig): boolean => changes !== undefined || full !== undefined;

/** The schedules of one mapping, by the scan that they begin. */
export async function schedulesOf({ queues }: Engine, mapping: string): Promise<{ scan: ScanKind; key: string }[]> {
  const keys = (['changes', 'full'] as const).map((scan) => ({ scan, key: keyOf(scan, mapping) }));
  const found = await Promise.all(keys.map(({ key }) => queues.scan.getJobScheduler(key)));
  return keys.filter((_, i) => found[i]);
}

const keyOf = (scan: ScanKind, mapping: string): string => `${PREFIX}.${scan}.${mapping}`;

/**
 * Makes the schedulers in Redis those that the mappings declare. Idempotent; every worker process does it, now and then:
 * webhooks come and go.
 * @param failed is called for a mapping whose schedule could not be set; without it, the error is thrown
 * @param held mappings whose version in force this process has; the others are left to processes that have theirs
 */
export async function applySchedules(
  engine: Engine,
  held: ReadonlySet<string>,
  failed: (mapping: string, error: unknown) => void = (_, error) => {
    throw error;
  },
): Promise<void> {
  const wanted = new Map<string, { every: number; mapping: string; scan: ScanKind }>();
  const { mappings, systems } = engine.config.current();
  const registered = await registeredSystems(engine.redis, engine.prefix, [...systems.keys()]);
  for (const { name, schedule, sides } of mappings.values()) {
    if (!held.has(name)) continue;
    for (const scan of ['changes', 'full'] as const) {
      const hasWebhooks = scan === 'changes' && sides.every(({ system }) => registered.has(system.name));
      const every = schedule[hasWebhooks ? 'webhooks' : scan];
      if (every !== undefined) wanted.set(keyOf(scan, name), { every, mapping: name, scan });
    }
    // So that it can be shown for how long a side was waited for that was never read.
    if (isScheduled(schedule)) await engine.links(name).progress.noteScheduled();
  }
  const { scan: queue } = engine.queues;
  for (const { key } of await queue.getJobSchedulers(0, -1)) {
    if (!key.startsWith(`${PREFIX}.`) || wanted.has(key)) continue;
    const name = key.split('.').slice(2).join('.');
    // Of a mapping that is not in these files, or in another version, somebody else may know.
    if (held.has(name) || !(await engine.versions.worked(name))) await queue.removeJobScheduler(key);
  }
  for (const [key, { every, mapping, scan }] of wanted) {
    try {
      const known = await queue.getJobScheduler(key);
      // Left alone when it is as it should be, so that a restart does not begin the interval again.
      if (known?.every === every) continue;
      // The first scan of changes reads everything, so the first full one can wait for its turn. Where one becomes rarer,
      // the former ones have just been there; where it becomes more frequent, something may have been missed.
      const later = scan === 'full' || (known?.every !== undefined && known.every < every);
      const startDate = Date.now() + (later ? every : Math.min(every, FIRST_SCAN));
      await queue.upsertJobScheduler(key, { every, startDate }, { name: 'scan', data: { mapping, scan } });
    } catch (error) {
      // The others get theirs all the same.
      failed(mapping, error);
    }
  }
}

/** How fast a queue is worked off, by every process together: from the counts per minute that BullMQ keeps in Redis. */
import type { Metrics, Queue } from 'bullmq';

const MINUTE = 60_000;
/** How far back is looked, in minutes, the one that goes on included. */
const WINDOW = 5;
/** Minutes that workers have BullMQ keep. */
export const MINUTES_KEPT = 60;

/**
 * Jobs that ended per second, well or not, over the last minutes in which some did; 0 where none did.
 * @param metrics of the ended jobs of each kind
 */
export function pace(metrics: readonly Pick<Metrics, 'meta' | 'data'>[], now: number): number {
  const present = Math.floor(now / MINUTE);
  let jobs = 0;
  let since = now;
  for (const { meta, data } of metrics) {
    if (meta.count === 0) continue;
    // Its first minute began when it was counted first; what has no minute of its own yet is in none of the points.
    const last = Math.floor(meta.prevTS / MINUTE);
    const minutes = [
      { minute: last, count: meta.count - meta.prevCount, from: meta.prevTS },
      ...data.map((count, i) => ({ minute: last - 1 - i, count, from: (last - 1 - i) * MINUTE })),
    ];
    for (const { minute, count, from } of minutes) {
      if (count <= 0 || minute <= present - WINDOW) continue;
      jobs += count;
      since = Math.min(since, from);
    }
  }
  return jobs === 0 ? 0 : jobs / (Math.max(1_000, now - since) / 1_000);
}

export async function paceOf(queue: Queue): Promise<number> {
  const kinds = ['completed', 'failed'] as const;
  return pace(await Promise.all(kinds.map((kind) => queue.getMetrics(kind, 0, WINDOW - 1))), Date.now());
}

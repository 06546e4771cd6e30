/** The scan of a run: it begins, reads, and is over. */
import type { DefinitionChanges } from '../../sync/backfill.ts';
import type { ScanProgress } from '../../sync/scan.ts';
import { now, type RunContext } from './run-context.ts';
import { LEASE } from './run-scripts.ts';
import type { Run } from './types.ts';

export function scanningRuns({ redis, base, runKey, activeKey, retryingKey, againKey, currentKey }: RunContext) {
  return {
    /**
     * The run waits for `ms`, and is to stay the one of its kind meanwhile.
     * @param reason shown until its scan begins again
     */
    keep: async (run: Run, ms: number, reason?: string): Promise<void> => {
      await redis.tandemRunKeep(runKey(run.id), String(LEASE + Math.ceil(ms)));
      if (reason !== undefined) await redis.hset(runKey(run.id), 'reason', reason);
    },

    /** The scan begins, or begins again after a crash. @returns false where it is over already */
    scanning: async (run: Run): Promise<boolean> =>
      (await redis.tandemRunScanning(...[runKey(run.id), activeKey(run.mapping)], ...[base, run.id, now()])) === 1,

    /** What changed since the last backfill. */
    async note(run: Run, changes: DefinitionChanges): Promise<void> {
      await redis.hset(runKey(run.id), 'changes', JSON.stringify(changes));
    },

    async read(run: Run, progress: ScanProgress): Promise<void> {
      const pipeline = redis.pipeline().hset(runKey(run.id), `read:${progress.side}`, progress.read);
      if (progress.failed > 0) pipeline.hincrby(runKey(run.id), 'failed', progress.failed);
      if (progress.unidentified)
        pipeline.hset(runKey(run.id), `unidentified:${progress.side}`, JSON.stringify(progress.unidentified));
      await Promise.all([pipeline.exec(), redis.tandemRunKeep(runKey(run.id), String(LEASE))]);
    },

    async scanned(run: Pick<Run, 'id'>, reason = ''): Promise<void> {
      await redis.tandemRunScanned(runKey(run.id), base, run.id, now(), 'working', reason);
    },

    async failed(run: Pick<Run, 'id'>, reason: string): Promise<void> {
      await redis.tandemRunScanned(runKey(run.id), base, run.id, now(), 'failed', reason);
    },

    /** Ends the scans of a mapping that is retired, and forgets what is retried. What waits for its records ends by itself. */
    async forget(mapping: string, reason: string): Promise<void> {
      for (const id of await redis.smembers(activeKey(mapping)))
        await redis.tandemRunScanned(runKey(id), base, id, now(), 'failed', reason);
      await redis.unlink(retryingKey(mapping), againKey(mapping));
    },

    /** Whether a scan of this mapping is queued or under way. */
    async scansOf(mapping: string): Promise<boolean> {
      for (const scan of ['changes', 'full'] as const) {
        const id = await redis.get(currentKey({ mapping, scan, plan: false, trigger: 'api' }));
        const state = id === null ? null : await redis.hget(runKey(id), 'state');
        if (state === 'queued' || state === 'scanning') return true;
      }
      return false;
    },
  };
}

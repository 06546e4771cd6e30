/** The beginning of runs: one of a kind at a time, alone or in a group. */
import { randomUUID } from 'node:crypto';
import { setTimeout } from 'node:timers/promises';
import { GROUP, now, type RunContext } from './run-context.ts';
import { PLACES } from './run-counts.ts';
import { LEASE } from './run-scripts.ts';
import { readRun } from './stored-run.ts';
import type { Run, RunRequest } from './types.ts';

/** How often, and how many ms apart, is looked for a run that was begun but is not stored yet. */
const STORING = 50;
const STORING_LOOK = 10;
/** Runs kept; older ones are forgotten. */
const KEPT = 500;

export function beginningRuns(context: RunContext) {
  const { redis, base, index, runKey, currentKey } = context;

  return {
    /**
     * A new run, or the one that does the same already.
     * @param group the group it belongs to, if any
     */
    async begin(request: RunRequest, group?: string): Promise<{ run: Run; started: boolean }> {
      const id = randomUUID();
      const key = currentKey(request);
      for (let tries = 0; ; tries++) {
        if ((await redis.set(key, id, 'PX', LEASE, 'NX')) === 'OK') break;
        const current = await redis.get(key);
        const run = current === null ? undefined : await readRun(context, current);
        if (current !== null && !run && tries < STORING) {
          // The first caller is about to store it.
          await setTimeout(STORING_LOOK);
          continue;
        }
        // One that has found all its work does not see what was edited since: it holds back nothing that comes after it.
        const found = run?.state === 'working' && request.record === undefined;
        const over = run?.state === 'done' || run?.state === 'failed' || found;
        if (run && !over) return { run, started: false };
        if (current !== null) await redis.tandemRunOver(key, current);
      }
      await storeRun(context, id, request, group ?? id, { lease: key });
      return { run: (await readRun(context, id))!, started: true };
    },

    /** A run of several mappings: they end together, because the writes of one may be work for another. */
    async beginGroup(request: Omit<RunRequest, 'mapping'>): Promise<string> {
      const id = randomUUID();
      // Open by itself until all its children are known, or the first of them could end it.
      await storeRun(context, id, { ...request, mapping: GROUP }, id, { open: '1' });
      return id;
    },

    /** The group that a run belongs to; its own id where it was begun alone. */
    groupOf: (id: string): Promise<string | null> => redis.hget(runKey(id), 'group'),

    /** A group that was begun and is not needed: all it would do, another one does. */
    async dropGroup(id: string): Promise<void> {
      await redis.multi().del(runKey(id)).zrem(index, id).exec();
    },

    async setChildren(id: string, children: readonly string[]): Promise<Run> {
      await redis.hset(runKey(id), 'children', children.join(','));
      await redis.tandemRunScanned(runKey(id), base, id, now(), 'working', '');
      return (await readRun(context, id))!;
    },
  };
}

async function storeRun(
  context: RunContext,
  id: string,
  request: RunRequest,
  group: string,
  more: Record<string, string> = {},
): Promise<void> {
  const { redis, index, runKey } = context;
  const pipeline = redis.pipeline();
  pipeline.hset(runKey(id), {
    id,
    mapping: request.mapping,
    scan: request.scan,
    group,
    plan: request.plan ? '1' : '',
    trigger: request.trigger,
    state: 'queued',
    created: now(),
    ...more,
  });
  pipeline.zadd(index, String(Date.now()), id);
  await pipeline.exec();
  if (request.mapping !== GROUP) await redis.tandemRunJoin(`${runKey(group)}:members`, runKey(group), id);
  await forgetOldRuns(context);
}

async function forgetOldRuns(context: RunContext): Promise<void> {
  const { redis, index, runKey } = context;
  const oldest = await redis.zrange(index, '0', String(-KEPT - 1));
  const runs = await Promise.all(oldest.map((id) => readRun(context, id)));
  // One that is under way stays, however many began after it.
  const old = oldest.filter((_, i) => !runs[i] || runs[i].state === 'done' || runs[i].state === 'failed');
  if (old.length > 0)
    await redis
      .pipeline()
      .del(
        ...old.flatMap((one) =>
          ['', ':pending', ':members', ':plan', ...PLACES.map((place) => `:${place}`)].map(
            (part) => runKey(one) + part,
          ),
        ),
      )
      .zrem(index, ...old)
      .exec();
}

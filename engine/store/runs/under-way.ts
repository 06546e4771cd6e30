/** Runs that are under way: which, since when, and what the end of a group still waits for. */
import { GROUP, type RunContext } from './run-context.ts';
import { LEASE } from './run-scripts.ts';
import type { UnfinishedRun } from './types.ts';

export function runsUnderWay(context: RunContext) {
  const { redis, runKey, activeKey } = context;

  return {
    active: (mapping: string): Promise<string[]> => redis.smembers(activeKey(mapping)),

    /** Runs that are not over, groups included, and what each group's end waits for. */
    unfinished: (): Promise<UnfinishedRun[]> => unfinishedRuns(context),

    /** What the end of a group still waits for, a batch at a time. */
    async *pending(group: string): AsyncGenerator<{ mapping: string; record: string }[]> {
      for await (const batch of redis.sscanStream(`${runKey(group)}:pending`, { count: 500 }))
        yield (batch as string[]).map((entry) => {
          const bar = entry.indexOf('|');
          return { mapping: entry.slice(0, bar), record: entry.slice(bar + 1) };
        });
    },

    /** Epoch ms when the oldest run of this mapping that is under way began; undefined when none is. */
    async since(mapping: string): Promise<number | undefined> {
      const begun = await Promise.all(
        (await redis.smembers(activeKey(mapping))).map((id) => redis.hget(runKey(id), 'created')),
      );
      const times = begun.flatMap((created) => (created === null ? [] : [Date.parse(created)]));
      return times.length === 0 ? undefined : Math.min(...times);
    },

    /** Tells something in every active run of a mapping, unless it tells something already. */
    async warn(mapping: string, reason: string): Promise<void> {
      for (const id of await redis.smembers(activeKey(mapping))) await redis.hsetnx(runKey(id), 'reason', reason);
    },
  };
}

async function unfinishedRuns({ redis, index, runKey }: RunContext): Promise<UnfinishedRun[]> {
  const ids = await redis.zrange(index, '0', '-1');
  const pipeline = redis.pipeline();
  for (const id of ids)
    pipeline
      .hmget(runKey(id), 'state', 'mapping', 'group', 'created', 'lease', 'children', 'open')
      .scard(`${runKey(id)}:pending`);
  const answers = (await pipeline.exec()) ?? [];
  const found: UnfinishedRun[] = [];
  for (const [i, id] of ids.entries()) {
    const [state, mapping, group, created, lease, children, open] = (answers[2 * i]?.[1] ?? []) as (string | null)[];
    const pending = Number(answers[2 * i + 1]?.[1] ?? 0);
    // A group's own state is that of its children; what it holds itself is open until those are known.
    const over = mapping === GROUP ? children !== null : state === 'done' || state === 'failed';
    if (mapping === undefined || mapping === null || (over && pending === 0)) continue;
    const silent = Date.now() - Date.parse(created ?? '') > LEASE && (await redis.get(lease ?? '')) !== id;
    found.push({
      id,
      scanning: !over && state !== 'working',
      silent,
      pending: open === '0' && group === id ? pending : 0,
    });
  }
  return found;
}

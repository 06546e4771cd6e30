/**
 * Records that systems name faster than they can be queued: a webhook may bring a thousand at once. They are set aside in
 * Redis in one step, so that the system has its answer in milliseconds and this process holds nothing, and are queued
 * from there. A record that is named again meanwhile takes no more room.
 */
import { randomBytes } from 'node:crypto';
import { setTimeout } from 'node:timers/promises';
import type { Telemetry } from 'bullmq';
import type { Redis } from 'ioredis';
import { parseRecordKey } from '../links/keys.ts';
import type { SideIndex } from '../types.ts';
import type { Queues } from './queues.ts';

/** Fewer are queued at once. */
const FEW = 20;
/** Queued between two looks: small, so that whoever shares the connection waits for no more than these. */
const BATCH = 100;
/** The longest pause between two of these, in ms. */
const BREATH = 50;
/** How long whoever queues them may be silent before another process takes over, in ms. */
const LEASE = 5_000;

/** Some of them, for one who queues at a time. KEYS hash, lease; ARGV owner, ms, how many. False where another one does. */
const TAKE = `
local owner = redis.call('GET', KEYS[2])
if owner and owner ~= ARGV[1] then return false end
local found = redis.call('HRANDFIELD', KEYS[1], ARGV[3], 'WITHVALUES')
if #found == 0 then redis.call('DEL', KEYS[2]) else redis.call('SET', KEYS[2], ARGV[1], 'PX', ARGV[2]) end
return found`;

/** Forgets those that were queued; one that was named again since then stays. KEYS hash; ARGV pairs of record and mark */
const TAKEN = `
local taken = 0
for i = 1, #ARGV, 2 do
  if redis.call('HGET', KEYS[1], ARGV[i]) == ARGV[i + 1] then taken = taken + redis.call('HDEL', KEYS[1], ARGV[i]) end
end
return taken`;

const SECOND = 1_000;
/**
 * A mark is the second of the event, what tells this time from others, and where traces are made, that of the request: with
 * each record, so that it takes no more room than there are records, whoever comes how often.
 */
const markOf = (at: number, trace: string | undefined): string =>
  `${Math.floor(at / SECOND)}.${randomBytes(6).toString('base64url')}${trace === undefined ? '' : `.${trace}`}`;
const parseMark = (mark: string): { at: number; trace: string | undefined } => {
  const [, second, trace] = /^(\d+)\.[^.]*(?:\.(.*))?$/s.exec(mark) ?? [];
  return { at: Number(second) * SECOND, trace };
};

interface Commands {
  tandemIncomingTake(...args: string[]): Promise<string[] | null>;
  tandemIncomingTaken(...args: string[]): Promise<number>;
}

export interface Incoming {
  /**
   * Has these records queued soon: whatever happens to this process, they are not lost.
   * @param at epoch ms when their event came; of many together to the second
   */
  put(mapping: string, records: readonly string[], at: number): Promise<void>;
  /** Queues what was set aside, here or by a process that has ended, unless another one does. Any number of calls is one. */
  queue(mapping: string): Promise<void>;
  /** Which of these mappings have some. */
  waiting(mappings: readonly string[]): Promise<string[]>;
  count(mapping: string): Promise<number>;
  /** @returns how many are forgotten */
  clear(mapping: string): Promise<number>;
  /** Leaves what is not queued yet to others. */
  close(): Promise<void>;
}

/**
 * @param trouble told why they could not be queued now: it is tried again
 * @param telemetry by which what becomes of a record is told in the trace of the request that named it last
 */
export function createIncoming(
  connection: Redis,
  prefix: string,
  queues: Pick<Queues, 'enqueue'>,
  trouble: (mapping: string, error: unknown) => void,
  telemetry?: Telemetry,
): Incoming {
  connection.defineCommand('tandemIncomingTake', { lua: TAKE, numberOfKeys: 2 });
  connection.defineCommand('tandemIncomingTaken', { lua: TAKEN, numberOfKeys: 1 });
  const redis = connection as Redis & Commands;
  const keyOf = (mapping: string): string => `${prefix}:{${mapping}}:incoming`;
  const owner = randomBytes(9).toString('base64url');
  /** Queueing goes on after the request that it begins with, for others too: it is no part of its trace. */
  const ambient = telemetry?.contextManager.active();
  const outside = (work: () => Promise<void>): Promise<void> =>
    telemetry ? telemetry.contextManager.with(ambient, work) : work();
  const working = new Map<string, Promise<void>>();
  const again = new Set<string>();
  let closed = false;

  /** @param traces those of the records, if any */
  async function enqueue(
    mapping: string,
    records: readonly string[],
    at: number,
    traces?: readonly (string | undefined)[],
  ): Promise<void> {
    const parsed = records.map((record, i) => ({ ...parseRecordKey(record), trace: traces?.[i] }));
    for (const side of [0, 1] satisfies SideIndex[]) {
      const own = parsed.filter((record) => record.side === side);
      const ids = own.map(({ id }) => id);
      await queues.enqueue(mapping, side, ids, { at, ...(traces ? { traces: own.map(({ trace }) => trace) } : {}) });
    }
  }

  async function work(mapping: string): Promise<void> {
    const key = keyOf(mapping);
    while (!closed) {
      const began = performance.now();
      const found = await redis.tandemIncomingTake(key, `${key}:lease`, owner, String(LEASE), String(BATCH));
      if (found === null || found.length === 0) return;
      const together = new Map<number, { record: string; trace: string | undefined }[]>();
      for (let i = 0; i < found.length; i += 2) {
        const { at, trace } = parseMark(found[i + 1] ?? '');
        const same = together.get(at) ?? [];
        same.push({ record: found[i] ?? '', trace });
        together.set(at, same);
      }
      await Promise.all(
        [...together].map(([at, some]) =>
          enqueue(
            mapping,
            some.map(({ record }) => record),
            at,
            some.map(({ trace }) => trace),
          ),
        ),
      );
      await redis.tandemIncomingTaken(key, ...found);
      // As long as it took: whoever else this process serves comes first, and workers take longer than this anyway.
      await setTimeout(Math.min(performance.now() - began, BREATH));
    }
  }

  function queue(mapping: string): Promise<void> {
    const running = working.get(mapping);
    if (running) {
      // It may have found the end already.
      again.add(mapping);
      return running;
    }
    const begun = outside(async () => {
      do {
        again.delete(mapping);
        await work(mapping);
      } while (again.has(mapping) && !closed);
    })
      .catch((error: unknown) => trouble(mapping, error))
      .finally(() => working.delete(mapping));
    working.set(mapping, begun);
    return begun;
  }

  return {
    queue,
    async put(mapping, records, at) {
      if (records.length <= FEW) return enqueue(mapping, records, at);
      const manager = telemetry?.contextManager;
      const mark = markOf(at, manager?.getMetadata(manager.active()));
      await redis.hset(keyOf(mapping), ...records.flatMap((record) => [record, mark]));
      void queue(mapping);
    },
    async waiting(mappings) {
      const pipeline = redis.pipeline();
      for (const mapping of mappings) pipeline.exists(keyOf(mapping));
      const answers = (await pipeline.exec()) ?? [];
      return mappings.filter((_, i) => answers[i]?.[1] === 1);
    },
    count: (mapping) => redis.hlen(keyOf(mapping)),
    async clear(mapping) {
      const [[, count], [, removed]] = (await redis.multi().hlen(keyOf(mapping)).unlink(keyOf(mapping)).exec()) as [
        [null, number],
        [null, number],
      ];
      return removed === 1 ? count : 0;
    },
    async close() {
      closed = true;
      await Promise.all(working.values());
    },
  };
}

/**
 * What acceptance tests have made, kept in Redis from before the first write until all of it is removed: so a run that was
 * ended by force is cleaned up at the next start.
 */
import type { Redis } from 'ioredis';
import type { EntityConfig } from '../config/types.ts';

/** One run of an acceptance test. */
export interface JournalEntry {
  /** Every record that the run made holds it in one of its texts. */
  readonly mark: string;
  /** ISO 8601: no record of the run is older. */
  readonly started: string;
  /** `SYSTEM/ENTITY` in which records may be. */
  readonly entities: readonly string[];
}

/** A run that was not cleaned up. */
export interface OpenEntry extends JournalEntry {
  /** Its records as `SYSTEM/ENTITY/ID`. */
  readonly records: readonly string[];
  /** Mappings whose queues it paused and did not resume. */
  readonly paused: readonly string[];
}

/** Made by `createJournal`. */
export interface Journal {
  begin(entry: JournalEntry): Promise<void>;
  /** A record that may lose its mark, as its texts are edited. */
  note(mark: string, entity: EntityConfig, id: string): Promise<void>;
  /** The run is about to pause the queue of a mapping, and has resumed it: only these queues are resumed after it. */
  pausing(mark: string, mapping: string): Promise<void>;
  resumed(mark: string, mapping: string): Promise<void>;
  /** Runs that were not cleaned up. */
  open(): Promise<OpenEntry[]>;
  end(mark: string): Promise<void>;
}

/** Keeps one entry per run under `prefix`, and what it made. */
export function createJournal(redis: Redis, prefix: string): Journal {
  const runs = `${prefix}:qa`;
  const records = (mark: string): string => `${prefix}:qa:${mark}`;
  const paused = (mark: string): string => `${prefix}:qa:${mark}:paused`;
  return {
    async begin(entry) {
      await redis.hset(runs, entry.mark, JSON.stringify(entry));
    },
    async note(mark, { system, name }, id) {
      await redis.sadd(records(mark), `${system}/${name}/${id}`);
    },
    async pausing(mark, mapping) {
      await redis.sadd(paused(mark), mapping);
    },
    async resumed(mark, mapping) {
      await redis.srem(paused(mark), mapping);
    },
    async open() {
      const entries = Object.values(await redis.hgetall(runs)).map((text) => JSON.parse(text) as JournalEntry);
      return Promise.all(
        entries.map(async (entry) => ({
          ...entry,
          records: await redis.smembers(records(entry.mark)),
          paused: await redis.smembers(paused(entry.mark)),
        })),
      );
    },
    async end(mark) {
      await redis.del(records(mark), paused(mark));
      await redis.hdel(runs, mark);
    },
  };
}

/**
 * The brake of one mapping in Redis: what its runs have deleted, created and cleared lately, whether it is on, and what
 * people answered. One fact for all workers.
 */
import { randomUUID } from 'node:crypto';
import type { Redis } from 'ioredis';
import type { BrakeKind } from '../config/brake.ts';
import type { BrakeKeys } from './keys.ts';

export type BrakeAnswer = 'continue' | 'discard';

/** A brake that is on. */
export interface Brake {
  readonly id: string;
  /** What there was too much of. */
  readonly kind: BrakeKind;
  /** Whether a scan missed records, or writes were counted one by one. */
  readonly by: 'scan' | 'writes';
  /** Records concerned when it went on, or in the latest scan; more than `limit`, which `linked` gives sense to. */
  readonly count: number;
  readonly limit: number;
  readonly linked: number;
  /** Epoch ms. */
  readonly since: number;
  /** Set while an answer is carried out. */
  readonly answer?: BrakeAnswer;
}

/** A write that wants to be done. */
export interface Spending {
  readonly kind: BrakeKind;
  /** Name of the record: spent once, however often the write is tried. */
  readonly record: string;
  readonly limit: number;
  readonly linked: number;
  /** Epoch ms since when writes count, if that is longer ago than the usual time. */
  readonly since: number | undefined;
}

/** Writes count together for this long where no run is under way, in ms. */
export const BRAKE_WINDOW = 600_000;
/** A run that goes on for longer counts no further back, in ms. */
const LONGEST = 86_400_000;
const BATCH = 500;

/**
 * Spends one write of the allowance, or trips the brake. A brake whose kind has no limit any more is taken off, but for
 * one that was answered: that is carried out first.
 * KEYS brake, vanished, spent; ARGV kinds without a limit, id of a new brake, kind ('' for a write that is not counted),
 * record, limit, linked, since ('' for no run), window, longest
 * Answers the fields of the brake where it is on, nothing where the write may be done.
 */
const SPEND = `
local on = redis.call('HGET', KEYS[1], 'kind')
if on and redis.call('HEXISTS', KEYS[1], 'answer') == 0 and string.find(ARGV[1], ',' .. on .. ',', 1, true) then
  redis.call('DEL', KEYS[1], KEYS[2])
  on = nil
end
if on then return redis.call('HGETALL', KEYS[1]) end
if ARGV[3] == '' then return {} end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local from = now - ARGV[8]
if ARGV[7] ~= '' then from = math.max(now - ARGV[9], math.min(from, tonumber(ARGV[7]))) end
redis.call('ZREMRANGEBYSCORE', KEYS[3], '-inf', string.format('%d', from))
if redis.call('ZSCORE', KEYS[3], ARGV[4]) then return {} end
local spent = redis.call('ZCARD', KEYS[3])
if spent < tonumber(ARGV[5]) then
  redis.call('ZADD', KEYS[3], string.format('%d', now), ARGV[4])
  redis.call('PEXPIRE', KEYS[3], ARGV[9])
  return {}
end
redis.call('HSET', KEYS[1], 'id', ARGV[2], 'kind', ARGV[3], 'by', 'writes', 'count', spent + 1, 'limit', ARGV[5],
  'linked', ARGV[6], 'since', string.format('%d', now))
return redis.call('HGETALL', KEYS[1])`;

/**
 * Puts the brake on, or tells the one that is on, with a new count where it is of the same kind.
 * KEYS brake; ARGV id, kind, by, count, limit, linked
 */
const TRIP = `
local on = redis.call('HGET', KEYS[1], 'kind')
if not on then
  local time = redis.call('TIME')
  redis.call('HSET', KEYS[1], 'id', ARGV[1], 'kind', ARGV[2], 'by', ARGV[3], 'limit', ARGV[5], 'linked', ARGV[6],
    'since', string.format('%d', time[1] * 1000 + math.floor(time[2] / 1000)))
end
if not on or on == ARGV[2] then redis.call('HSET', KEYS[1], 'count', ARGV[4]) end
return redis.call('HGETALL', KEYS[1])`;

/** Notes the answer, which the first who gives one decides. KEYS brake; ARGV id, answer. Answers what holds, '' when it is off. */
const ANSWER = `
if redis.call('HGET', KEYS[1], 'id') ~= ARGV[1] then return '' end
redis.call('HSETNX', KEYS[1], 'answer', ARGV[2])
return redis.call('HGET', KEYS[1], 'answer')`;

/**
 * Takes the brake off, and begins to count anew.
 * KEYS brake, vanished, answers, spent of its kind; ARGV id, its answer and kind ('' for none). Answers 0 when it was off.
 */
const RELEASE = `
if redis.call('HGET', KEYS[1], 'id') ~= ARGV[1] then return 0 end
if ARGV[2] ~= '' then redis.call('HSET', KEYS[3], ARGV[1], ARGV[2]) end
redis.call('DEL', KEYS[1], KEYS[2], KEYS[4])
return 1`;

interface BrakeCommands {
  tandemBrakeSpend(...args: string[]): Promise<string[]>;
  tandemBrakeTrip(...args: string[]): Promise<string[]>;
  tandemBrakeAnswer(...args: string[]): Promise<string>;
  tandemBrakeRelease(...args: string[]): Promise<number>;
}

export type BrakeStore = ReturnType<typeof createBrakeStore>;

/** Told when the brake goes on or off, by whoever did it. */
export type BrakeListener = (on: boolean, brake: Brake) => void;

export function createBrakeStore(connection: Redis, keys: BrakeKeys, tell: BrakeListener = () => {}) {
  connection.defineCommand('tandemBrakeSpend', { lua: SPEND, numberOfKeys: 3 });
  connection.defineCommand('tandemBrakeTrip', { lua: TRIP, numberOfKeys: 1 });
  connection.defineCommand('tandemBrakeAnswer', { lua: ANSWER, numberOfKeys: 1 });
  connection.defineCommand('tandemBrakeRelease', { lua: RELEASE, numberOfKeys: 4 });
  const redis = connection as Redis & BrakeCommands;

  return {
    /** The brake that is on, if one is. */
    async on(): Promise<Brake | undefined> {
      return parse(await redis.hgetall(keys.brake));
    },

    /** How many writes of a kind were done since then. @param since epoch ms */
    spent: (kind: BrakeKind, since: number): Promise<number> => redis.zcount(keys.spent(kind), since, '+inf'),

    /**
     * To be called before each write.
     * @param off kinds that have no limit
     * @param spending undefined for a write that is not counted
     * @returns the brake that is on, by this write or before it; undefined when the write may be done
     */
    async spend(off: readonly BrakeKind[], spending: Spending | undefined): Promise<Brake | undefined> {
      const { kind, record, limit, linked, since } = spending ?? { kind: '', record: '', limit: 0, linked: 0 };
      const id = randomUUID();
      const fields = await redis.tandemBrakeSpend(
        ...[keys.brake, keys.vanished, keys.spent(kind || 'deletes')],
        ...[`,${off.join(',')},`, id, kind, record, String(limit), String(linked)],
        ...[since === undefined ? '' : String(since), String(BRAKE_WINDOW), String(LONGEST)],
      );
      const brake = parse(pairs(fields));
      if (brake?.id === id) tell(true, brake);
      return brake;
    },

    /** @returns the brake that is on now: this one, or the one that was on before */
    async trip(brake: Pick<Brake, 'kind' | 'by' | 'count' | 'limit' | 'linked'>): Promise<Brake> {
      const { kind, by, count, limit, linked } = brake;
      const id = randomUUID();
      const fields = [id, kind, by, String(count), String(limit), String(linked)];
      const on = parse(pairs(await redis.tandemBrakeTrip(keys.brake, ...fields)))!;
      if (on.id === id) tell(true, on);
      return on;
    },

    /** @returns the answer that holds: an earlier one stays; undefined when this brake is off by now */
    async answer(brake: Pick<Brake, 'id'>, answer: BrakeAnswer): Promise<BrakeAnswer | undefined> {
      return ((await redis.tandemBrakeAnswer(keys.brake, brake.id, answer)) as BrakeAnswer | '') || undefined;
    },

    /** Takes the brake off; an answer of it is kept for the records that were held for it. @returns false when it was off */
    async release(brake: Brake): Promise<boolean> {
      const { id, kind, answer } = brake;
      const kept = answer === undefined ? '' : `${answer}|${kind}`;
      const brakeKeys = [keys.brake, keys.vanished, keys.answers, keys.spent(kind)];
      const off = (await redis.tandemBrakeRelease(...brakeKeys, id, kept)) === 1;
      if (off) tell(false, brake);
      return off;
    },

    /** What was answered to a brake, as far as it concerns a write of this kind: only what it was about is discarded. */
    async answered(id: string, kind: BrakeKind): Promise<BrakeAnswer | undefined> {
      const stored = await redis.hget(keys.answers, id);
      return stored === null ? undefined : stored === `discard|${kind}` ? 'discard' : 'continue';
    },

    // ------------------------------------------------------------ records that a scan did not meet

    /** Notes the links whose records a full scan did not meet, by their ids on side 0. */
    async noteVanished(ids: readonly string[]): Promise<void> {
      if (ids.length === 0) return void (await redis.del(keys.vanished));
      // Built aside: whoever answers meanwhile sees all of the former ones or all of these.
      const fresh = `${keys.vanished}:${randomUUID()}`;
      for (let i = 0; i < ids.length; i += BATCH)
        await redis
          .multi()
          .sadd(fresh, ...ids.slice(i, i + BATCH))
          .expire(fresh, 3600)
          .exec();
      await redis.multi().rename(fresh, keys.vanished).persist(keys.vanished).exec();
    },

    vanishedCount: (): Promise<number> => redis.scard(keys.vanished),

    someVanished: (limit: number): Promise<string[]> => redis.srandmember(keys.vanished, limit),

    async *vanished(): AsyncGenerator<string[]> {
      let cursor = '0';
      do {
        const [next, ids] = await redis.sscan(keys.vanished, cursor, 'COUNT', BATCH);
        cursor = next;
        if (ids.length > 0) yield ids;
      } while (cursor !== '0');
    },
  };
}

function pairs(flat: readonly string[]): Record<string, string> {
  const fields: Record<string, string> = {};
  for (let i = 0; i < flat.length; i += 2) fields[flat[i]!] = flat[i + 1]!;
  return fields;
}

function parse({ id, kind, by, count, limit, linked, since, answer }: Record<string, string>): Brake | undefined {
  if (id === undefined) return undefined;
  return {
    id,
    kind: kind as BrakeKind,
    by: by as Brake['by'],
    count: Number(count),
    limit: Number(limit),
    linked: Number(linked),
    since: Number(since),
    ...(answer === undefined ? {} : { answer: answer as BrakeAnswer }),
  };
}

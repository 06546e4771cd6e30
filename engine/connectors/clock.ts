/**
 * How far the clock of a system is ahead of that of Redis, which is the one clock of all processes. It is measured twice:
 * by the time that the system states with every response (`Date`, RFC 9110, section 6.6.1), in whole seconds, and by the
 * times that it gives the records created by Tandem. The two differ where a system states times without a zone, or has a
 * clock for its database and another one for its web server. The process's own clock only carries the measure to Redis'.
 */
import type { Redis } from 'ioredis';

/** Beyond this somebody should set a clock, in ms. */
const CLOCK_WARNING = 60_000;
/** Redis is asked for its time again after this time, in ms. */
const REDIS_LOOK = 60_000;
/** `Date` leaves out the milliseconds: on average half a second. */
const HALF = 500;
/** Smaller differences are those of rounding, in ms. */
const SAME = 2_000;
/** What clocks may drift, or be set by, between two looks, in ms. */
const SLACK = 300_000;
/** The most that a time without a zone is off (UTC-12 to UTC+14), in ms. */
const ZONES = 14 * 3_600_000;

export interface SystemClock {
  /**
   * A response came.
   * @param date its `Date` header; sent and received: epoch ms of this process; entity: of the records in it
   * @returns what the clock of the system showed when the request was sent, in epoch ms, by the measure that is behind where
   *   the two differ; undefined where it states no time
   */
  note(date: string | undefined, sent: number, received: number, entity?: string): number | undefined;
  /**
   * A record of an entity was created: other processes use the measure too.
   * @param modified as the system states it, in epoch ms; received: when its answer was there, in epoch ms of this process
   */
  noteCreate(entity: string, modified: number, received: number): Promise<void>;
  /** Ms by which the system's clock is ahead of this process's, by `Date`; 0 while that is not known, or too little to be measured. */
  ahead(): number;
  /** The earliest time that the system may give a record of an entity that is created at a time of Redis' clock. In epoch ms. */
  earliest(entity: string, at: number): Promise<number>;
}

/**
 * @param key hash of Redis that keeps the measures (by entity; '': by `Date`): another process may need them before it has made a call
 * @param onOffset called when the offset goes beyond CLOCK_WARNING, and when it is within it again
 */
export function createSystemClock(
  redis: Redis,
  key: string,
  onOffset: (ahead: number) => void = () => {},
): SystemClock {
  /** Both relative to this process's clock; by entity where it is by the times of records. */
  let ahead: number | undefined;
  const stamps = new Map<string, number>();
  let far = false;
  const clock: RedisClock = { redis, ahead: 0, looked: Number.NEGATIVE_INFINITY };

  return {
    note(date, sent, received, entity = '') {
      const stated = date === undefined ? Number.NaN : Date.parse(date);
      if (Number.isNaN(stated)) return undefined;
      const sample = stated + HALF - (sent + received) / 2;
      // A second is the resolution: a smaller difference says nothing.
      if (ahead === undefined || Math.abs(sample - ahead) > 2 * HALF + (received - sent) / 2) ahead = sample;
      if (Math.abs(ahead) > CLOCK_WARNING !== far) {
        far = !far;
        onOffset(ahead);
      }
      const shown = Math.min(stated, sent + ahead);
      const stamped = stamps.get(entity);
      return stamped === undefined || stamped > ahead - CLOCK_WARNING ? shown : Math.min(shown, sent + stamped);
    },
    async noteCreate(entity, modified, received) {
      const sample = modified - received;
      // No time of the write, but one that was sent, or of an import.
      if (!(Math.abs(sample - (ahead ?? 0)) <= ZONES)) return;
      const known = stamps.get(entity);
      if (known !== undefined && Math.abs(sample - known) <= SAME) return;
      stamps.set(entity, sample);
      await look(clock);
      await redis.hset(key, {
        [entity]: String(Math.round(sample - clock.ahead)),
        ...(ahead === undefined ? {} : { '': String(Math.round(ahead - clock.ahead)) }),
      });
    },
    ahead: () => (ahead === undefined || Math.abs(ahead) <= SAME ? 0 : ahead),
    async earliest(entity, at) {
      await look(clock);
      // What this process has not measured, another one may have.
      const [dated, stamped] = await redis.hmget(key, '', entity);
      const offset = (own: number | undefined, stored: string | null | undefined): number | undefined =>
        own === undefined ? (stored ? Number(stored) : undefined) : own - clock.ahead;
      const stated = offset(ahead, dated) ?? 0;
      // While nothing is known of the times that it gives its records, they may be those of any zone.
      return at + Math.min(stated, offset(stamps.get(entity), stamped) ?? stated - ZONES) - SLACK;
    },
  };
}

/** The clock of Redis, as this process has seen it. */
interface RedisClock {
  readonly redis: Redis;
  /** Ms by which it is ahead of that of this process. */
  ahead: number;
  /** When it was asked last, by performance.now. */
  looked: number;
}

async function look(clock: RedisClock): Promise<void> {
  if (performance.now() - clock.looked < REDIS_LOOK) return;
  const sent = Date.now();
  const [seconds, micros] = await clock.redis.time();
  clock.ahead = Number(seconds) * 1_000 + Number(micros) / 1_000 - (sent + Date.now()) / 2;
  clock.looked = performance.now();
}

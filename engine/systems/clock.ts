/**
 * How far the clock of a system is ahead of that of Redis, which is the one clock of all processes. The system states its
 * time with every response (`Date`, RFC 9110, section 6.6.1), in whole seconds; Redis is asked now and then. The process's
 * own clock only carries the measure from one to the other.
 */
import type { Redis } from 'ioredis';

/** Beyond this somebody should set a clock, in ms. */
export const CLOCK_WARNING = 60_000;
/** Redis is asked again after this time, in ms. */
const REDIS_LOOK = 60_000;
/** `Date` leaves out the milliseconds: on average half a second. */
const HALF = 500;

export interface SystemClock {
  /**
   * A response came.
   * @param date its `Date` header; sent and received: epoch ms of this process
   * @returns what the clock of the system showed when the request was sent, in epoch ms; undefined where it states none
   */
  note(date: string | undefined, sent: number, received: number): number | undefined;
  /** Ms by which the system's clock is ahead of this process's; undefined while it is not known. */
  ahead(): number | undefined;
  /** What the clock of the system shows, or showed, at a time of Redis' clock; that time itself while nothing is known. In epoch ms. */
  fromRedis(at: number): Promise<number>;
}

/** @param onOffset called when the offset goes beyond CLOCK_WARNING, and when it is within it again */
export function createSystemClock(redis: Redis, onOffset: (ahead: number) => void = () => {}): SystemClock {
  let ahead: number | undefined;
  let far = false;
  let redisAhead = 0;
  let looked = Number.NEGATIVE_INFINITY;

  async function lookAtRedis(): Promise<void> {
    if (performance.now() - looked < REDIS_LOOK) return;
    const sent = Date.now();
    const [seconds, micros] = await redis.time();
    redisAhead = Number(seconds) * 1_000 + Number(micros) / 1_000 - (sent + Date.now()) / 2;
    looked = performance.now();
  }

  return {
    note(date, sent, received) {
      const stated = date === undefined ? Number.NaN : Date.parse(date);
      if (Number.isNaN(stated)) return undefined;
      const sample = stated + HALF - (sent + received) / 2;
      // A second is the resolution: a smaller difference says nothing.
      if (ahead === undefined || Math.abs(sample - ahead) > 2 * HALF + (received - sent) / 2) ahead = sample;
      if (Math.abs(ahead) > CLOCK_WARNING !== far) {
        far = !far;
        onOffset(ahead);
      }
      return Math.min(stated, sent + ahead);
    },
    ahead: () => ahead,
    async fromRedis(at) {
      await lookAtRedis();
      return ahead === undefined ? at : at - redisAhead + ahead;
    },
  };
}

/**
 * Only one acceptance test runs at a time: the records of one that runs must not be taken for what an earlier one left. The
 * turn is a key of Redis that expires; the test that has it renews it once a second. A test that was ended by force loses it.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Redis } from 'ioredis';

/** Between two signs of life, in ms. */
const BEAT = 1_000;
/** Without a sign of life for this long a test counts as gone, in ms. */
const TTL = 15_000;

/** Who runs a test. */
export interface TurnHolder {
  readonly mark: string;
  readonly host: string;
  readonly pid: number;
  /** ISO 8601. */
  readonly since: string;
}

/** The turn to test, until it is given back. */
export interface TestTurn {
  give(): Promise<void>;
}

/** Sets the key if it is free or this test's own. KEYS the turn; ARGV the holder, milliseconds */
const RENEW = `
local now = redis.call('GET', KEYS[1])
if now and now ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1`;
const GIVE = `if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end`;

/**
 * Waits, 15 s at most, until a test that gives no more sign of life counts as gone.
 * @param lost called once where another test took the turn, as this one could not reach Redis for too long
 * @returns the holder where another test runs
 */
export async function takeTurn(
  redis: Redis,
  prefix: string,
  own: TurnHolder,
  lost: () => void,
  { beat = BEAT, ttl = TTL }: { readonly beat?: number; readonly ttl?: number } = {},
): Promise<TestTurn | TurnHolder> {
  const key = `${prefix}:qa:turn`;
  const value = JSON.stringify(own);
  const renew = async (): Promise<boolean> => (await redis.eval(RENEW, 1, key, value, ttl)) === 1;
  // Time that only runs down is that of a test that is gone.
  for (let before = ttl; !(await renew()); await sleep(beat / 2)) {
    const [left, holder] = [await redis.pttl(key), await redis.get(key)];
    if (left > before && holder !== null) return JSON.parse(holder) as TurnHolder;
    if (left > 0) before = left;
  }
  let isLost = false;
  const timer = setInterval(() => {
    // What fails is tried again with the next beat. Where Redis is slow, several beats are under way.
    renew().then(
      (mine) => {
        if (mine || isLost) return;
        isLost = true;
        clearInterval(timer);
        lost();
      },
      () => {},
    );
  }, beat);
  timer.unref();
  return {
    async give() {
      clearInterval(timer);
      await redis.eval(GIVE, 1, key, value);
    },
  };
}

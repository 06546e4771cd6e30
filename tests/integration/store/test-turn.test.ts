/** Acceptance tests run one at a time, and one that was ended by force keeps no other from running. */
import { setTimeout as sleep } from 'node:timers/promises';
import { beforeEach, expect, it, vi } from 'vitest';
import { type TestTurn, type TurnHolder, takeTurn } from '../../../engine/store/test-turn.ts';
import { uniquePrefix } from '../../support/redis.ts';
import { redisOfFile } from '../../support/redis-of-file.ts';

const redis = redisOfFile();

let prefix: string;
beforeEach(() => {
  prefix = uniquePrefix();
});

const holder = (mark: string): TurnHolder => ({ mark, host: 'here', pid: 1, since: '2026-11-26T04:00:00.000Z' });
const take = (mark: string, lost = () => {}, times = { beat: 50, ttl: 1_000 }) =>
  takeTurn(redis, prefix, holder(mark), lost, times);

it('a turn names its test while that gives signs of life, and is free once the test has ended', async () => {
  const first = (await take('a')) as TestTurn;
  expect(await take('b')).toEqual(holder('a'));
  await first.give();
  const second = (await take('b')) as TestTurn;
  expect(second).toHaveProperty('give');
  await second.give();
});

it('a test learns once that another one took its place, also where Redis is so slow that several renewals are under way', async () => {
  const lost = vi.fn();
  let under = 0;
  const most = { under: 0 };
  const slow = {
    async eval(...args: [string, number, ...string[]]) {
      most.under = Math.max(most.under, ++under);
      const answer = await redis.eval(...args);
      await sleep(100);
      under--;
      return answer;
    },
  } as unknown as typeof redis;
  const turn = (await takeTurn(slow, prefix, holder('a'), lost, { beat: 20, ttl: 1_000 })) as TestTurn;
  await redis.set(`${prefix}:qa:turn`, JSON.stringify(holder('b')), 'PX', 5_000);
  await vi.waitFor(() => expect(lost).toHaveBeenCalled());
  await vi.waitFor(() => expect(under).toBe(0));
  expect(most.under).toBeGreaterThan(1);
  expect(lost).toHaveBeenCalledTimes(1);
  await turn.give();
});

it('a test waits until one that was ended by force counts as gone', async () => {
  const gone = holder('a');
  await redis.set(`${prefix}:qa:turn`, JSON.stringify(gone), 'PX', 300);
  const turn = (await take('b')) as TestTurn;
  expect(turn).toHaveProperty('give');
  await turn.give();
});

it('a test learns that another one took its place, and then leaves that one alone', async () => {
  const lost = vi.fn();
  const turn = (await take('a', lost)) as TestTurn;
  const other = JSON.stringify(holder('b'));
  await redis.set(`${prefix}:qa:turn`, other, 'PX', 5_000);
  await vi.waitFor(() => expect(lost).toHaveBeenCalledTimes(1));
  await turn.give();
  expect(await redis.get(`${prefix}:qa:turn`)).toBe(other);
  await redis.del(`${prefix}:qa:turn`);
});

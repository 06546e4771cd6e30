/** Whether a Redis may be trusted with link keys: what it is asked, what is refused, and what is only warned about. */
import { Redis } from 'ioredis';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { checkSafety } from '../../../engine/queue/connection.ts';
import { startRedis } from '../../../scripts/redis.mjs';

let own: Awaited<ReturnType<typeof startRedis>>;
let redis: Redis;
beforeAll(async () => {
  own = await startRedis({ own: true, appendonly: true });
  redis = new Redis(own.url);
});
afterAll(async () => {
  redis?.disconnect();
  await own?.stop();
});

const set = (settings: Record<string, string>): Promise<unknown> =>
  Promise.all(Object.entries(settings).map(([name, value]) => redis.config('SET', name, value)));

it('a Redis with an append-only file and no eviction is safe', async () => {
  await set({ appendonly: 'yes', 'maxmemory-policy': 'noeviction' });
  expect(await checkSafety(redis)).toEqual({ policy: 'noeviction', persistent: true, dangers: [], advice: [] });
});

it.each(['allkeys-lru', 'volatile-ttl', 'allkeys-random'])(
  'the safety check refuses a Redis that evicts keys by %s',
  async (policy) => {
    await set({ 'maxmemory-policy': policy });
    await expect(checkSafety(redis)).rejects.toMatchObject({
      code: 'REDIS_UNSAFE',
      message: expect.stringContaining(`maxmemory-policy ${policy}`),
    });
    await set({ 'maxmemory-policy': 'noeviction' });
  },
);

it('the safety check advises against snapshots only, and reports missing persistence as a danger', async () => {
  await set({ appendonly: 'no', save: '3600 1' });
  expect(await checkSafety(redis)).toMatchObject({
    persistent: true,
    dangers: [],
    advice: [expect.stringContaining('snapshots only')],
  });
  await set({ save: '' });
  expect(await checkSafety(redis)).toMatchObject({
    persistent: false,
    dangers: [expect.stringContaining('is OFF')],
    advice: [],
  });
  await set({ appendonly: 'yes' });
});

it('the safety check reads INFO when CONFIG is forbidden, as in managed services', async () => {
  await redis.call('ACL', 'SETUSER', 'tenant', 'on', '>secret', '~*', '+@all', '-config');
  const tenant = new Redis(own.url, { username: 'tenant', password: 'secret' });
  try {
    expect(await checkSafety(tenant)).toEqual({ policy: 'noeviction', persistent: true, dangers: [], advice: [] });
    await set({ 'maxmemory-policy': 'allkeys-lru' });
    await expect(checkSafety(tenant)).rejects.toMatchObject({ code: 'REDIS_UNSAFE' });
    await set({ 'maxmemory-policy': 'noeviction', appendonly: 'no' });
    expect(await checkSafety(tenant)).toMatchObject({
      persistent: undefined,
      dangers: [],
      advice: [expect.stringContaining('CONFIG GET')],
    });
    await redis.call('ACL', 'SETUSER', 'tenant', '-info');
    expect(await checkSafety(tenant)).toMatchObject({
      policy: undefined,
      dangers: [],
      advice: [expect.stringContaining('CONFIG GET')],
    });
  } finally {
    tenant.disconnect();
    await set({ appendonly: 'yes' });
  }
});

/** How many Redis commands a changed record costs, those inside scripts included. */

import { Redis } from 'ioredis';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { startRedis } from '../../../scripts/redis.mjs';
import { linkState, makeLink, storeOf, token } from './support.ts';

let own: Awaited<ReturnType<typeof startRedis>>;
let redis: Redis;
beforeAll(async () => {
  // Of its own: others would count too.
  own = await startRedis({ own: true });
  redis = new Redis(own.url);
});
afterAll(async () => {
  redis?.disconnect();
  await own?.stop();
});

const processed = async (): Promise<number> =>
  Number(/total_commands_processed:(\d+)/.exec(await redis.info('stats'))?.[1]);

it('looking up, taking, beginning and committing a changed record takes 25 commands at most', async () => {
  const store = storeOf(redis, 'commands', { name: 'm', match: [{ name: 'rule' }] });
  const count = 50;
  const ids = Array.from({ length: count }, (_, i) => String(i));
  for (const id of ids) await makeLink(store, id, `b${id}`);
  const before = await processed();
  await store.batches.lookup(0, ids);
  await store.batches.markDirty(ids.map((id) => ({ side: 0, id })));
  const { units } = await store.batches.take({ owner: 'w', ttlMs: 60_000 });
  expect(units).toHaveLength(count);
  for (const { link } of units) {
    const writes = { property: 'p', side: 1, sent: token('s'), from: token('f') } as const;
    const pending = { revision: link!.revision, ids: link!.ids, writes: [writes] };
    const record = `0/${link!.ids[0]}`;
    await store.batches.begin({ record, writes: pending, unlimited: [], allowance: undefined });
  }
  // Each is committed by itself, as soon as its system has answered.
  for (const { records, claims, link } of units) {
    const [answer] = await store.batches.commit('w', [
      {
        records: records.map(({ key }) => key),
        claims,
        result: { kind: 'link', link: linkState(...link!.ids, { revision: link!.revision }) },
        open: { [claims[0]!]: { pendingWrites: null } },
        recent: [{ property: 'p', side: 1, before: token('b'), sent: token('s'), at: Date.now(), times: 1 }],
      },
    ]);
    expect(answer?.kind).toBe('done');
  }
  const each = ((await processed()) - before) / count;
  console.log(`${each.toFixed(1)} Redis commands for a changed record, committed one by one`);
  expect(each).toBeLessThanOrEqual(25);
});

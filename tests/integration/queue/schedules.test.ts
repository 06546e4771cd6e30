// How often scans come: while the webhooks of both systems are registered, rarely.
import { expect, it } from 'vitest';
import { forgetRegistered, noteRegistered } from '../../../engine/connectors/registered.ts';
import { applySchedules } from '../../../engine/queue/schedules.ts';
import { worldWith } from '../sync/support.ts';

const MINUTE = 60_000;
const world = worldWith({ synced: false });

/** The schedule of scans of changes of one mapping, as it is in Redis: milliseconds between them, and until the next. */
async function schedule(): Promise<{ every: number | undefined; next: number }> {
  await applySchedules(world.engine, new Set(['product-product']));
  const found = await world.engine.queues.scan.getJobScheduler('schedule.changes.product-product');
  return { every: found?.every, next: (found?.next ?? 0) - Date.now() };
}
const note = (system: string, ttl = MINUTE): Promise<void> =>
  noteRegistered(world.engine.redis, world.engine.prefix, system, ttl);

it('scans of changes are rare while webhooks of both systems are registered, and come soon when they are not', async () => {
  const without = await schedule();
  expect(without.every).toBe(10 * MINUTE);
  expect(without.next).toBeLessThanOrEqual(MINUTE);

  await note('keap');
  expect((await schedule()).every, 'one of the two tells of no change').toBe(10 * MINUTE);

  await note('customwebshop');
  const reported = await schedule();
  expect(reported.every).toBe(60 * MINUTE);
  expect(reported.next).toBeGreaterThan(50 * MINUTE);

  await forgetRegistered(world.engine.redis, world.engine.prefix, 'keap');
  const again = await schedule();
  expect(again.every).toBe(10 * MINUTE);
  expect(again.next).toBeLessThanOrEqual(MINUTE);
});

it('a registration of webhooks that is not renewed no longer makes scans of changes rare', async () => {
  await note('keap', 20);
  await note('customwebshop');
  await expect.poll(async () => (await schedule()).every).toBe(10 * MINUTE);
});

it('full scans keep their schedule while webhooks are registered', async () => {
  await note('keap');
  await note('customwebshop');
  await schedule();
  const full = await world.engine.queues.scan.getJobScheduler('schedule.full.product-product');
  expect(full?.every).toBe(24 * 60 * MINUTE);
});

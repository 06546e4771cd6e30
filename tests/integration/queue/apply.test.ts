/** What goes wrong while a mapping is put into force is a problem of its file, and stops no other mapping. */
import { appendFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, expect, it, vi } from 'vitest';
import { startWorkers } from '../../../engine/runtime/workers.ts';
import { startWorld, type World } from '../../support/world.ts';

let world: World | undefined;
afterEach(async () => {
  vi.restoreAllMocks();
  await world?.close();
});

it('a schedule that cannot be set names the file, the others are set, and it is tried again', async () => {
  world = await startWorld();
  const { engine } = world;
  const { scan } = engine.queues;
  const real = scan.upsertJobScheduler.bind(scan);
  let broken = true;
  vi.spyOn(scan, 'upsertJobScheduler').mockImplementation((key, ...rest) => {
    if (broken && key.includes('product-product')) return Promise.reject(new Error('Redis said no'));
    return real(key, ...rest);
  });
  const workers = await startWorkers(engine, { schedules: true, lockDuration: 5_000 });
  try {
    expect(engine.config.problems()).toEqual([
      {
        code: 'STARTUP_REFUSED',
        file: 'mappings/product-product.yaml',
        line: 1,
        column: 1,
        where: '',
        message: 'The mapping could not be put into force, which is tried again: Redis said no',
      },
    ]);
    const keys = async () => (await scan.getJobSchedulers()).map(({ key }) => key);
    expect(await keys()).toContain('schedule.full.company-customer');
    broken = false;
    // The next edit of any file, or half a minute, is another try.
    await appendFile(join(world.dir, 'mappings', 'contact-customer.yaml'), '# edited\n');
    await expect.poll(() => engine.config.problems(), { timeout: 10_000 }).toEqual([]);
    expect(await keys()).toContain('schedule.full.product-product');
  } finally {
    await workers.close();
  }
});

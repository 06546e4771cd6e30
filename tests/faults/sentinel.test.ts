/** Redis that is replaced: sentinels make a follower the leader in the midst of work. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, expect, it } from 'vitest';
import { startRedis } from '../../scripts/redis.mjs';
import { closeAll, configFolder, later, standIns, startTandem, until } from '../integration/cli/support.ts';

afterEach(closeAll);

const PATIENCE = 120_000;
const RECORDS = 40;

it('the leader is killed in the midst of work: all goes on with the next one, and nothing is lost or made twice', async () => {
  const leader = await startRedis({ own: true, appendonly: true });
  later(() => leader.stop());
  const follower = await startRedis({
    own: true,
    appendonly: true,
    args: ['--replicaof', leader.host, String(leader.port)],
  });
  later(() => follower.stop());
  const sentinel = [
    `sentinel monitor main ${leader.host} ${leader.port} 2`,
    'sentinel down-after-milliseconds main 1000',
    'sentinel failover-timeout main 5000',
    'requirepass watched',
  ];
  const sentinels = await Promise.all([1, 2, 3].map(() => startRedis({ own: true, sentinel })));
  for (const one of sentinels) later(() => one.stop());

  const { keap, shop, env: addresses } = await standIns({ empty: true });
  const folder = await configFolder('product-product');
  const file = join(folder, 'mappings', 'product-product.yaml');
  await writeFile(file, (await readFile(file, 'utf8')).replace('changes: 1m', 'changes: 5s'));
  const running = await startTandem('start', {
    REDIS_URL: `redis+sentinel://${sentinels.map(({ host, port }) => `${host}:${port}`).join(',')}/main?sentinelPassword=watched`,
    TANDEM_CONFIG: folder,
    TANDEM_SCHEDULES: 'on',
    TANDEM_PORT: '0',
    ...addresses,
  });
  const url = running.ready.url!;
  const make = async (i: number): Promise<void> => {
    const answer = await fetch(`${keap.url}/crm/rest/v2/products`, {
      method: 'POST',
      headers: { 'x-keap-api-key': keap.apiKey, 'content-type': 'application/json' },
      body: JSON.stringify({ name: `p${i}`, sku: `p${i}`, price: 100, short_description: 'x' }),
    });
    expect(answer.status).toBeLessThan(300);
  };
  const skus = (): string[] =>
    shop.store.products
      .values()
      .map(({ sku }) => String(sku))
      .sort();
  for (let i = 0; i < RECORDS / 2; i++) await make(i);
  await until(() => skus().length === RECORDS / 2, PATIENCE);
  await until(async () => {
    const { mapping } = { mapping: await (await fetch(`${url}/mappings/product-product`)).json() };
    return (mapping as { links: number }).links === RECORDS / 2;
  }, PATIENCE);

  for (let i = RECORDS / 2; i < RECORDS; i++) await make(i);
  await until(() => skus().length > RECORDS / 2, PATIENCE);
  const before = skus().length;
  leader.kill('SIGKILL');
  await leader.exited;
  const began = Date.now();
  await until(async () => (await fetch(`${url}/health/ready`)).status === 503, PATIENCE);
  await until(async () => (await fetch(`${url}/health/ready`)).status === 200, PATIENCE);
  const ready = Date.now() - began;
  await until(() => skus().length === RECORDS, PATIENCE);
  console.info(
    `leader killed at ${before} of ${RECORDS}: ready after ${ready} ms, all there after ${Date.now() - began} ms`,
  );
  await until(async () => {
    const { links } = (await (await fetch(`${url}/mappings/product-product`)).json()) as { links: number };
    return links === RECORDS;
  }, PATIENCE);
  expect(skus()).toEqual(Array.from({ length: RECORDS }, (_, i) => `p${i}`).sort());
  expect(keap.store.products.values()).toHaveLength(RECORDS);
  expect(running.child.exitCode).toBeNull();
}, 400_000);

/** A Tandem whose Redis is replaced in the midst of work, and the products that people make in Keap meanwhile. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { expect } from 'vitest';
import { configFolder, standIns, startTandem } from '../integration/cli/support.ts';
import { until } from '../support/until.ts';
import { productsOf } from './products.ts';

export const PATIENCE = 120_000;

interface Address {
  readonly host: string;
  readonly port: number;
}

/** @param changes how often Keap and the shop are looked at for changes, as a mapping file says it */
export async function startOver(redisUrl: string, changes: string) {
  const { keap, shop, env } = await standIns({ empty: true });
  const folder = await configFolder('product-product');
  const file = join(folder, 'mappings', 'product-product.yaml');
  await writeFile(
    file,
    (await readFile(file, 'utf8')).replace('changes: 10m, webhooks: 1h', `changes: ${changes}, webhooks: ${changes}`),
  );
  const { child, ready } = await startTandem('start', {
    REDIS_URL: redisUrl,
    TANDEM_CONFIG: folder,
    TANDEM_SCHEDULES: 'on',
    TANDEM_PORT: '0',
    ...env,
  });
  const url = ready.url!;
  const people = productsOf(keap, shop);
  const skus = (): string[] =>
    shop.store.products
      .values()
      .map(({ sku }) => String(sku))
      .sort();
  const health = async (): Promise<number> => (await fetch(`${url}/health/ready`)).status;
  return {
    /** SKUs of the products that the shop has, in order. */
    skus,
    async make(from: number, to: number): Promise<void> {
      for (let i = from; i < to; i++) await people.make('keap', `p${i}`);
    },
    allLinked: (count: number) =>
      until(async () => {
        const { links } = (await (await fetch(`${url}/mappings/product-product`)).json()) as { links: number };
        return links === count && skus().length === count;
      }, PATIENCE),
    /** Waits until this Redis leads and Tandem is ready with it: a quick change of leaders shows nowhere as a time without. */
    async readyWith(leader: Address): Promise<void> {
      const redis = new Redis(leader.port, leader.host);
      redis.on('error', () => {});
      try {
        await until(async () => (await redis.role())[0] === 'master', PATIENCE);
      } finally {
        redis.disconnect();
      }
      await until(async () => (await health()) === 200, PATIENCE);
    },
    /** Nothing was lost, nothing made twice, nothing restarted. */
    expectAll(count: number): void {
      expect(skus()).toEqual(Array.from({ length: count }, (_, i) => `p${i}`).sort());
      expect(keap.store.products.values()).toHaveLength(count);
      expect(child.exitCode).toBeNull();
    },
  };
}

// What a scan costs beside the bare cost of the same reading
//
// Both figures come from one run, in turn, so that their ratio holds on any machine. The bare cost is listing the same
// pages of both systems and parsing their JSON; the scan also maps, fingerprints and compares every record, and finds
// that nothing needs work.

import { randomBytes } from 'node:crypto';
import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  createConfigStore,
  createEngine,
  createFingerprinter,
  scan,
  unlinkedState,
  viewRecord,
} from '../engine/index.ts';
import { startKeap } from '../sandbox/keap/server.ts';
import { startShop } from '../sandbox/shop/server.ts';
import { startRedis } from '../scripts/redis.mjs';
import { linksIn } from '../tests/support/links.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const ROUNDS = 5;
const COUNT = 3_000;

const median = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)]!;
async function timed(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await work();
  return performance.now() - start;
}

const redis = await startRedis({ own: true });
const keap = await startKeap({ limits: false });
const shop = await startShop();
const dir = await mkdtemp(join(tmpdir(), 'tandem-bench-'));
for (const folder of ['mappings', 'systems', 'schemas'])
  await cp(join(root, folder), join(dir, folder), { recursive: true });
const rest = {
  description: null,
  active: true,
  taxable: true,
  requires_shipping: true,
  weight: null,
  external_id: null,
};
for (let i = 0; i < COUNT; i++) {
  keap.store.add('products', { sku: `SKU-${i}`, name: `Product ${i}`, short_description: `No. ${i}`, price: 1000 + i });
  shop.store.add('products', {
    sku: `SKU-${i}`,
    name: `Product ${i}`,
    short_description: `No. ${i}`,
    price: ((1000 + i) / 100).toFixed(2),
    ...rest,
  });
}
const big = '1000000000';
const config = await createConfigStore({
  root: dir,
  env: {
    KEAP_BASE_URL: `${keap.url}/crm/rest`,
    KEAP_API_KEY: keap.apiKey,
    KEAP_LIMIT_SECOND: big,
    KEAP_LIMIT_MINUTE: big,
    KEAP_LIMIT_DAY: big,
    SHOP_BASE_URL: shop.url,
    SHOP_TOKEN: shop.token,
    SHOP_LIMIT_SECOND: big,
    SHOP_WEBHOOK_SECRET: 'bench',
  },
});
const fingerprinter = createFingerprinter(randomBytes(32));
const engine = createEngine({ redisUrl: redis.url, prefix: 'bench', config, fingerprinter });
const mapping = engine.mapping('product-product');
const links = engine.links(mapping.name);
const context = engine.context({ owner: 'bench' });

// As after a sync: every record was handled in the state it is in.
const records = { 0: [] as Parameters<typeof viewRecord>[2][], 1: [] as Parameters<typeof viewRecord>[2][] };
for (const side of [0, 1] as const) {
  const { system, entity } = mapping.sides[side];
  for await (const page of engine.client(system.name).list(entity.name)) {
    for (const record of page.records) {
      records[side].push(record);
      await linksIn(links).handled(
        side,
        record.id,
        unlinkedState(mapping, await viewRecord(mapping, side, record, fingerprinter)),
      );
    }
  }
}

const bare = async (): Promise<void> => {
  await Promise.all(
    ([0, 1] as const).map(async (side) => {
      const { system, entity } = mapping.sides[side];
      for await (const page of engine.client(system.name).list(entity.name)) JSON.stringify(page.records.length);
    }),
  );
};
let work = 0;
const full = (): Promise<unknown> =>
  scan(context, mapping, 'full', {
    found: async (_, ids) => {
      work += ids.length;
    },
  });
const views = async (): Promise<void> => {
  for (const record of records[0]) unlinkedState(mapping, await viewRecord(mapping, 0, record, fingerprinter));
};
const parse = async (): Promise<void> => {
  for (const record of records[0]) JSON.parse(JSON.stringify(record.data));
};

const times = { bare: [] as number[], full: [] as number[], views: [] as number[], parse: [] as number[] };
await bare();
await full();
for (let round = 0; round < ROUNDS; round++) {
  times.bare.push(await timed(bare));
  times.full.push(await timed(full));
  times.parse.push(await timed(parse));
  times.views.push(await timed(views));
}
const total = records[0].length + records[1].length;
const line = (name: string, ms: number, count: number): string =>
  `${name.padEnd(44)} ${ms.toFixed(0).padStart(6)} ms  ${((ms * 1000) / count).toFixed(1).padStart(7)} µs per record`;
process.stdout.write(
  `${[
    `${total} records of product-product, median of ${ROUNDS} rounds; ${work} needed work`,
    line('list both sides, nothing more', median(times.bare), total),
    line('full scan: list, map, fingerprint, compare', median(times.full), total),
    `  ratio ${(median(times.full) / median(times.bare)).toFixed(2)}`,
    line('JSON there and back', median(times.parse), COUNT),
    line('map and fingerprint', median(times.views), COUNT),
    `  ratio ${(median(times.views) / median(times.parse)).toFixed(2)}`,
    `resident memory ${(process.memoryUsage.rss() / 2 ** 20).toFixed(0)} MiB, stand-ins included`,
  ].join('\n')}\n`,
);

await engine.close();
await config.close();
await keap.close();
await shop.close();
await rm(dir, { recursive: true, force: true });
await redis.stop();

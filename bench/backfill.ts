// What a backfill costs for links that are in date
//
// No system is asked, so it is the time in which Redis gives out all bases and each is compared with the mapping.

import { randomBytes } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { backfill, createConfigStore, createEngine, createFingerprinter, marked } from '../engine/index.ts';
import { startRedis } from '../scripts/redis.mjs';
import { linksIn } from '../tests/support/links.ts';

const COUNT = 20_000;
const ROUNDS = 5;

const redis = await startRedis({ own: true });
const config = await createConfigStore({
  root: fileURLToPath(new URL('..', import.meta.url)),
  env: {
    KEAP_BASE_URL: 'http://127.0.0.1:9',
    KEAP_API_KEY: 'bench',
    SHOP_BASE_URL: 'http://127.0.0.1:9',
    SHOP_TOKEN: 'bench',
    SHOP_WEBHOOK_SECRET: 'bench',
  },
  watch: false,
});
const engine = createEngine({
  redisUrl: redis.url,
  prefix: 'bench',
  config,
  fingerprinter: createFingerprinter(randomBytes(32)),
});
const mapping = engine.mapping('company-customer');
const links = engine.links(mapping.name);
const context = engine.context({ owner: 'bench' });

const entry = ['0123456789abcdef', 'fedcba9876543210'] as const;
const base = marked(mapping, Object.fromEntries(mapping.properties.map(({ name }) => [name, entry])));
for (let i = 0; i < COUNT; i += 500)
  await Promise.all(
    Array.from({ length: 500 }, (_, k) =>
      linksIn(links).commit({ ids: [`a${i + k}`, `b${i + k}`], version: '', base, states: ['x', 'y'] }),
    ),
  );

for (let round = 0; round < ROUNDS; round++) {
  let [read, work] = [0, 0];
  const start = performance.now();
  await backfill(context, mapping, {
    found: async () => {},
    progress: async (progress) => {
      read += progress.read;
      work += progress.work;
    },
  });
  const ms = performance.now() - start;
  console.log(`${read} links of ${mapping.properties.length} properties looked at, ${work} to do: ${ms.toFixed(0)} ms`);
}
await engine.close();
await config.close();
await redis.stop();

/** A worker is killed amid a scan: the next one goes on where it was, and does not read the lists from their beginning. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { productsOf } from './products.ts';
import { type Crew, createCrew, type Worker } from './simulation/crew.ts';
import { type DurableRedis, startDurableRedis } from './simulation/durable-redis.ts';
import { createSetting, type Setting } from './simulation/setting.ts';

const MAPPING = 'product-product';
/** Of each system, four to a page. */
const RECORDS = Number(process.env.INTERRUPTED_RECORDS ?? 80);
const PAGES = RECORDS / 4;

let redis: DurableRedis;
let crew: Crew;
let setting: Setting;
beforeAll(async () => {
  redis = await startDurableRedis();
  crew = createCrew(2);
  setting = await createSetting(redis.url, { prepare: createNothing });
  const people = productsOf(setting.keap, setting.shop);
  for (let i = 0; i < RECORDS; i++) {
    await people.make('keap', `only in keap ${i}`);
    await people.make('customwebshop', `only in the shop ${i}`);
  }
});
afterAll(async () => {
  await setting?.close();
  await crew?.close();
  await redis?.close();
});

async function createNothing(root: string): Promise<void> {
  const file = join(root, 'mappings', `${MAPPING}.yaml`);
  const text = await readFile(file, 'utf8');
  const without = text.replace(/^create: .*$/m, 'create: []');
  expect(without).not.toBe(text);
  await writeFile(file, without);
}

/** Requests for pages of the whole lists: not searches, nor lists of what was changed. */
const lists = ({ keap, shop }: Setting): string[][] =>
  [keap, shop].map(({ requests }, i) =>
    requests
      .since()
      .map(({ method, path }) => `${method} ${path}`)
      .filter((request) =>
        (i === 0
          ? /^GET .*\/products\?(?!.*(filter|order_by)=)/
          : /^GET \/products\?(?!.*updated_since=).*sort=id/
        ).test(request),
      ),
  );

it('a scan whose process is killed goes on where it was', async () => {
  let victim: Worker | undefined = await crew.hire(setting.order);
  // Whichever list comes to its middle first.
  for (const [system, requests] of [setting.keap, setting.shop].map((one, i) => [i, one.requests] as const)) {
    const begin = requests.begin.bind(requests);
    requests.begin = (method, path, route) => {
      if (victim && lists(setting)[system]!.length > PAGES) {
        process.kill(victim.pid, 'SIGKILL');
        victim = undefined;
      }
      return begin(method, path, route);
    };
  }
  const before = lists(setting).map(({ length }) => length);
  const { run } = await setting.engine.trigger({ mapping: MAPPING, scan: 'full' });
  await expect.poll(() => victim, { timeout: 30_000, interval: 10 }).toBeUndefined();
  const read = lists(setting).map(({ length }, i) => length - before[i]!);
  const second = await crew.hire(setting.order);
  await expect
    .poll(async () => (await setting.engine.runs.get(run.id))?.state, { timeout: 60_000, interval: 50 })
    .toBe('done');
  await crew.dismiss(second);
  const all = lists(setting).map(({ length }, i) => length - before[i]!);
  console.log(`list calls in Keap and in the shop: ${read} before the kill, ${all} in all; ${PAGES} pages each`);
  // Keap: the pages, one of them twice. The shop: each page twice, as its pages go by number.
  expect(all[0]).toBeLessThanOrEqual(PAGES + 3);
  expect(all[1]).toBeLessThanOrEqual(2 * PAGES + 8);
  expect((await setting.engine.runs.get(run.id))?.progress.read).toEqual([RECORDS, RECORDS]);
}, 120_000);

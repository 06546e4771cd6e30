/** Real processes: Redis loses everything, and Tandem is killed in the midst of rebuilding, while events of edits come in. */
import { Redis } from 'ioredis';
import { afterEach, expect, it } from 'vitest';
import { freePort, ownPrefix, standIns, startTandem } from '../integration/cli/support.ts';
import { closeAll, later } from '../support/closing.ts';
import { testFingerprinter } from '../support/fingerprints.ts';
import { createLinks } from '../support/links.ts';
import { deletePrefix, redisUrl } from '../support/redis.ts';
import { until } from '../support/until.ts';

afterEach(closeAll);

const MAPPINGS = ['company-customer', 'contact-customer', 'product-product', 'opportunity-order'];

it('a process killed while it rebuilds links goes on after a restart: links are as before, nothing is made twice', async () => {
  const { keap, shop, env: systems } = await standIns();
  const prefix = ownPrefix();
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const env = {
    ...systems,
    REDIS_URL: redisUrl(),
    TANDEM_PREFIX: prefix,
    TANDEM_PORT: String(port),
    TANDEM_PUBLIC_URL: url,
    TANDEM_LOCK_DURATION: '1s',
    TANDEM_LOG_LEVEL: 'warn',
  };
  const redis = new Redis(redisUrl());
  later(async () => redis.disconnect());

  const linksOf = async (): Promise<string[]> => {
    const found: string[] = [];
    for (const name of MAPPINGS) {
      const links = createLinks(redis, prefix, { name, match: [] }, testFingerprinter);
      for await (const batch of links.all()) for (const [a, b] of batch) found.push(`${name} ${a} ${b}`);
    }
    return found.sort();
  };
  const counts = () => [
    ...(['companies', 'contacts', 'products', 'opportunities'] as const).map(
      (name) => keap.store.table(name).values().length,
    ),
    ...(['customers', 'products', 'orders'] as const).map((name) => shop.store.table(name).values().length),
  ];
  const call = async (path: string, body?: object) => {
    const response = await fetch(url + path, {
      ...(body ? { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) } : {}),
    });
    return response.json() as Promise<Record<string, never>>;
  };
  /** A full sync to its end. */
  async function sync(): Promise<{ progress: { work: number } }> {
    const { id } = (await call('/triggers', { scan: 'full' })) as unknown as { id: string };
    await until(async () => ['done', 'failed'].includes(String((await call(`/runs/${id}`)).state)), 120_000);
    await until(async () => {
      const { queues } = (await call('/queues')) as unknown as { queues: { counts: Record<string, number> }[] };
      return queues.every(({ counts: { waiting = 0, active = 0, delayed = 0 } }) => waiting + active + delayed === 0);
    }, 120_000);
    return (await call(`/runs/${id}`)) as unknown as { progress: { work: number } };
  }

  const first = await startTandem('start', env);
  await sync();
  const [links, before] = [await linksOf(), counts()];
  expect(links.length).toBeGreaterThan(50);
  first.child.kill('SIGKILL');
  await first.ended;
  await deletePrefix(redis, prefix);
  expect(await linksOf()).toEqual([]);

  const second = await startTandem('start', env);
  await call('/triggers', { scan: 'full' });
  await until(async () => (await linksOf()).length > 10, 60_000, 25);
  // A person edits a record whose link is not known just now; its webhook comes in the midst of all.
  const order = links.find((link) => link.startsWith('opportunity-order'))!.split(' ')[2]!;
  const edited = await fetch(`${shop.url}/orders/${order}`, {
    method: 'PATCH',
    headers: { authorization: `Bearer ${shop.token}`, 'content-type': 'application/json' },
    body: JSON.stringify({ next_step: 'edited while links were rebuilt' }),
  });
  expect(edited.status).toBe(200);
  const rebuilt = (await linksOf()).length;
  second.child.kill('SIGKILL');
  await second.ended;

  await startTandem('start', env);
  await sync();
  console.info(`killed at ${rebuilt} of ${links.length} links; then ${(await linksOf()).length}; records ${counts()}`);
  expect(await linksOf()).toEqual(links);
  expect(counts()).toEqual(before);
  const opportunity = links
    .find((link) => link.endsWith(` ${order}`) && link.startsWith('opportunity-order'))!
    .split(' ')[1]!;
  expect(keap.store.table('opportunities').get(opportunity)).toMatchObject({
    next_action_notes: 'edited while links were rebuilt',
  });
  expect((await sync()).progress.work).toBe(0);
}, 300_000);

// Long-running commands: ready, at work, refused where they would do harm, and ended in order.

import { appendFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { afterEach, describe, expect, it } from 'vitest';
import { registeredSystems } from '../../../engine/connectors/registered.ts';
import { webhookKeys } from '../../../engine/queue/registration.ts';
import type { FaultRule } from '../../../sandbox/kit/faults.ts';
import { startRedis } from '../../../scripts/redis.mjs';
import { closeAll, later } from '../../support/closing.ts';
import { testFingerprinter } from '../../support/fingerprints.ts';
import { createLinks } from '../../support/links.ts';
import { redisUrl } from '../../support/redis.ts';
import { until } from '../../support/until.ts';
import { tandem } from '../../unit/cli/in-process.ts';
import { SECRETS, tandem as tandemProcess } from '../../unit/cli/spawn.ts';
import { configFolder, freePort, ownPrefix, standIns, startTandem } from './support.ts';

afterEach(closeAll);

const common = () => ({ REDIS_URL: redisUrl(), TANDEM_PREFIX: ownPrefix(), TANDEM_PORT: '0', ...SECRETS });

describe('start', () => {
  it('prints one line of JSON when ready, logs to stderr, and ends with 0 on SIGTERM', async () => {
    const running = await startTandem('start', { ...common(), TANDEM_CONFIG: await configFolder('product-product') });
    expect(running.ready).toMatchObject({ ready: true, mappings: ['product-product'] });
    const { url } = running.ready;
    expect(url).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
    expect((await fetch(`${url}/health/live`)).status).toBe(200);
    running.child.kill('SIGTERM');
    expect(await running.ended).toEqual({ status: 0, signal: null });
    expect(running.stdout).toHaveLength(1);
    const lines = running.log
      .filter((line) => line.startsWith('{'))
      .map((line) => JSON.parse(line) as { msg: string; url?: string });
    expect(lines).toContainEqual(expect.objectContaining({ url, msg: `Tandem is ready at ${url}` }));
    expect(lines.at(-1)?.msg).toBe('stopped');
    await expect(fetch(`${url}/health/live`)).rejects.toThrow();
  });

  it('ends with 0 on SIGINT too, also while somebody listens to live events', async () => {
    const running = await startTandem('start', { ...common(), TANDEM_CONFIG: await configFolder('product-product') });
    const events = await fetch(`${running.ready.url}/events`);
    expect(events.status).toBe(200);
    const cut = events.text().catch(() => 'cut');
    running.child.kill('SIGINT');
    expect(await running.ended).toEqual({ status: 0, signal: null });
    await cut;
  });

  it('leaves files with problems out, says so, and runs the others', async () => {
    const folder = await configFolder('product-product', 'contact-customer');
    await appendFile(join(folder, 'mappings', 'product-product.yaml'), 'nonsense: true\n');
    const running = await startTandem('worker', { ...common(), TANDEM_CONFIG: folder });
    expect(running.ready.mappings).toEqual(['contact-customer']);
    expect(running.log.join('\n')).toMatch(/product-product\.yaml:\d+:\d+ CONFIG_SCHEMA nonsense/);
  });

  it('a worker tells health and metrics on a port of its own, and serves nothing else', async () => {
    const env = { ...common(), TANDEM_CONFIG: await configFolder('product-product') };
    const silent = await startTandem('worker', env);
    expect(silent.ready.url).toBeUndefined();
    const { ready } = await startTandem('worker', { ...env, TANDEM_HEALTH_PORT: '0', TANDEM_READ_TOKEN: 'look' });
    expect((await fetch(`${ready.url}/health/live`)).status).toBe(200);
    const health = async () => (await fetch(`${ready.url}/health/ready`)).json();
    expect(await health()).toMatchObject({ workers: true });
    // Nobody is at the addresses of this test: known from one call at the start, without any work.
    await expect
      .poll(health)
      .toMatchObject({ systems: { keap: { state: 'failing' }, customwebshop: { state: 'failing' } } });
    const headers = { authorization: 'Bearer look' };
    expect((await fetch(`${ready.url}/metrics`)).status).toBe(401);
    expect(await (await fetch(`${ready.url}/metrics`, { headers })).text()).toContain('tandem_links');
    expect((await fetch(`${ready.url}/runs`, { headers })).status).toBe(404);
  });

  it('ends at once, with 1, on a second signal', async () => {
    // A system that never answers: the scan that reads it lasts longer than any patience.
    const hanging = createServer(() => {});
    await new Promise<void>((resolve) => hanging.listen(0, '127.0.0.1', resolve));
    later(async () => {
      hanging.closeAllConnections();
      hanging.close();
    });
    let asked = 0;
    hanging.on('request', () => asked++);
    const address = `http://127.0.0.1:${(hanging.address() as AddressInfo).port}`;
    const env = {
      ...common(),
      KEAP_BASE_URL: address,
      SHOP_BASE_URL: address,
      TANDEM_CONFIG: await configFolder('product-product'),
    };
    const running = await startTandem('start', env);
    await fetch(`${running.ready.url}/triggers`, { method: 'POST' });
    await until(() => asked > 0);
    running.child.kill('SIGTERM');
    await until(() => running.log.some((line) => line.includes('a second signal stops at once')));
    // Alive, and not ready any more: nobody is to send new requests while it finishes what is under way.
    expect((await fetch(`${running.ready.url}/health/live`)).status).toBe(200);
    const ready = await fetch(`${running.ready.url}/health/ready`);
    expect(ready.status).toBe(503);
    expect(await ready.json()).toMatchObject({ status: 'down', stopping: true });
    running.child.kill('SIGTERM');
    expect(await running.ended).toEqual({ status: 1, signal: null });
  });
});

describe('on SIGTERM', () => {
  const working = async (fault: FaultRule) => {
    const { keap, shop, env: systems } = await standIns();
    const env = {
      ...common(),
      ...systems,
      TANDEM_CONFIG: await configFolder('product-product'),
      TANDEM_LOCK_DURATION: '1s',
    };
    const redis = new Redis(redisUrl());
    later(async () => redis.disconnect());
    const links = (): Promise<number> =>
      createLinks(redis, env.TANDEM_PREFIX, { name: 'product-product', match: [] }, testFingerprinter).count();
    const running = await startTandem('start', env);
    shop.faults.add(fault);
    await fetch(`${running.ready.url}/triggers`, { method: 'POST' });
    await until(() => shop.requests.since(0).some(({ fault: hit }) => hit === fault.action));
    running.child.kill('SIGTERM');
    return { keap, shop, env, running, links };
  };

  it('what is under way is finished, and the process ends with 0', async () => {
    const { shop, running, links } = await working({ method: 'POST', path: '/products', action: 'delay', ms: 1_500 });
    expect(await running.ended).toEqual({ status: 0, signal: null });
    // None of those that were being made is left half made: each has its link.
    const made = shop.stats().entities.products!.creates;
    expect(made).toBeGreaterThan(0);
    expect(await links()).toBeGreaterThanOrEqual(made);
    expect(running.log.join('\n')).not.toContain('left to be taken over');
  }, 60_000);

  it('what cannot be finished in time is left to another worker, and the process ends with 0', async () => {
    const { shop, env, running, links } = await working({ method: 'POST', path: '/products', action: 'hang' });
    const begun = Date.now();
    expect(await running.ended).toEqual({ status: 0, signal: null });
    expect(Date.now() - begun).toBeLessThan(30_000);
    expect(running.log.join('\n')).toContain('left to be taken over');
    const before = await links();
    shop.faults.clear();
    await startTandem('worker', env);
    await until(async () => (await links()) > before, 90_000);
  }, 180_000);
});

describe('what start refuses', () => {
  it('Tandem refuses to start without a mapping that can run', async () => {
    const folder = await configFolder('product-product');
    await appendFile(join(folder, 'mappings', 'product-product.yaml'), 'nonsense: true\n');
    const broken = await tandemProcess(['start'], { ...common(), TANDEM_CONFIG: folder });
    expect(broken.status).toBe(2);
    expect(broken.stderr).toMatch(/CONFIG_SCHEMA nonsense: /);
    expect(broken.stderr).toMatch(/\nSTARTUP_REFUSED: No mapping in .* can run/);
    const empty = await tandemProcess(['start'], { ...common(), TANDEM_CONFIG: await configFolder() });
    expect(empty.status).toBe(2);
    expect(empty.stderr).toContain('STARTUP_REFUSED: There is no mapping in');
  });

  it('a worker refuses a Redis that evicts keys', async () => {
    const evicting = await startRedis({
      own: true,
      args: ['--maxmemory', '50mb', '--maxmemory-policy', 'allkeys-lru'],
    });
    later(() => evicting.stop());
    const { status, stderr } = await tandemProcess(['worker'], {
      ...common(),
      REDIS_URL: evicting.url,
      TANDEM_CONFIG: await configFolder('product-product'),
    });
    expect(status).toBe(2);
    expect(stderr).toMatch(/REDIS_UNSAFE: .*allkeys-lru/);
  });

  it('each process refuses an address that others can reach while no token is set', async () => {
    const env = { ...common(), TANDEM_HOST: '0.0.0.0', TANDEM_PORT: '0', TANDEM_HEALTH_PORT: '0' };
    const ended = await Promise.all(['start', 'server', 'worker'].map((command) => tandemProcess([command], env)));
    for (const { status, stderr } of ended)
      expect({ status, stderr }).toMatchObject({
        status: 2,
        stderr: expect.stringMatching(/STARTUP_REFUSED: .*others can reach 0\.0\.0\.0.*TANDEM_API_TOKEN/),
      });
  });

  it('a server refuses a port that is taken', async () => {
    const other = createServer();
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
    later(async () => other.close());
    const port = String((other.address() as AddressInfo).port);
    const { status, stderr } = await tandemProcess(['server'], {
      ...common(),
      TANDEM_PORT: port,
      TANDEM_CONFIG: await configFolder('product-product'),
    });
    expect(status).toBe(2);
    expect(stderr).toMatch(
      new RegExp(`STARTUP_REFUSED: .* 127.0.0.1:${port}: another program listens there already. Set TANDEM_PORT`),
    );
  });

  it('a worker ends with an error that hides the password when Redis cannot be reached', async () => {
    const env = {
      ...common(),
      REDIS_URL: `redis://:hunter2@127.0.0.1:${await freePort()}`,
      TANDEM_CONFIG: await configFolder('product-product'),
    };
    const { status, stdout, stderr } = await tandemProcess(['worker'], env);
    expect(status).toBe(1);
    expect(stderr).toContain('SYSTEM_UNREACHABLE: Redis at redis://127.0.0.1:');
    expect(stdout + stderr).not.toContain('hunter2');
  });
});

describe('a server and a worker', () => {
  it('sync together; the commands follow, explain and check', async () => {
    const { keap, shop, env } = await standIns();
    const both = {
      ...common(),
      ...env,
      TANDEM_API_TOKEN: 'test-token',
      TANDEM_CONFIG: await configFolder('product-product'),
    };
    const server = await startTandem('server', both);
    await startTandem('worker', both);
    const ask = { TANDEM_URL: server.ready.url ?? '', TANDEM_API_TOKEN: 'test-token' };

    const refused = await tandem(['sync'], { TANDEM_URL: ask.TANDEM_URL });
    expect(refused.status).toBe(2);
    expect(refused.stderr).toMatch(/^UNAUTHORIZED: .*\n.*TANDEM_API_TOKEN/);

    const plan = await tandem(['plan', '--full'], ask);
    expect(plan.status).toBe(0);
    expect(plan.stdout).toContain('Nothing was written');
    const products = keap.store.products.values().length + shop.store.products.values().length;

    const sync = await tandem(['sync', '--full'], ask);
    expect(sync.status, sync.stderr).toBe(0);
    expect(sync.stdout).toMatch(/^product-product: done: \d+ records$/m);
    expect(sync.stdout).toMatch(/^product-product +\d+ +\d+/m);
    expect(keap.store.products.values().length + shop.store.products.values().length).toBeGreaterThan(products);

    const again = await tandem(['sync', 'product-product', '--full', '--json'], ask);
    const { runs } = JSON.parse(again.stdout) as {
      runs: { state: string; counts: { created: object; updated: object } }[];
    };
    expect(runs).toMatchObject([
      { state: 'done', counts: { created: { keap: 0, customwebshop: 0 }, updated: { keap: 0, customwebshop: 0 } } },
    ]);

    const status = await tandem(['status'], ask);
    expect(status.status).toBe(0);
    expect(status.stdout).toMatch(/^product-product +[1-9]/m);

    const list = JSON.parse((await tandem(['links', 'list', 'product-product', '--json'], ask)).stdout) as {
      links: { ids: Record<string, string> }[];
    };
    // Links are listed in no order, and the first sync kept values that lost of some.
    let ids: Record<string, string> = {};
    for (const link of list.links) {
      const history = await fetch(`${ask.TANDEM_URL}/records/product-product/keap/${link.ids.keap}/history`, {
        headers: { authorization: `Bearer ${ask.TANDEM_API_TOKEN}` },
      });
      ids = link.ids;
      if (((await history.json()) as { entries?: unknown[] }).entries?.length === 0) break;
    }
    const find = await tandem(['links', 'find', 'product-product', '--side', 'keap', '--id', ids.keap ?? ''], ask);
    expect(find).toMatchObject({ status: 0, stdout: `keap ${ids.keap} = customwebshop ${ids.customwebshop}\n` });
    expect((await tandem(['links', 'find', 'product-product', '--side', 'keap', '--id', 'none'], ask)).status).toBe(1);

    const explain = await tandem(['explain', 'product-product', 'keap', ids.keap ?? ''], ask);
    expect(explain.status).toBe(0);
    expect(explain.stdout).toMatch(/^price .*neither side changed$/m);

    const qa = await tandem(['qa'], ask);
    expect(qa.status, qa.stdout).toBe(0);
    expect(qa.stdout).toContain('All that was checked agrees.');
    const { reviews } = JSON.parse((await tandem(['review', 'list', '--json'], ask)).stdout) as {
      reviews: { review: string }[];
    };
    const ignored = await tandem(['review', 'resolve', reviews[0]?.review ?? '', '--ignore'], ask);
    expect(ignored.status, ignored.stderr).toBe(0);

    const retried = await tandem(['retry', 'product-product', '--kind', 'unmatched', '--json'], ask);
    expect(retried.status, retried.stderr).toBe(0);
    expect(JSON.parse(retried.stdout)).toMatchObject({ queued: 1, runs: [{ state: 'done', progress: { work: 1 } }] });
    const history = await tandem(['history', 'product-product', 'keap', ids.keap ?? ''], ask);
    expect(history).toMatchObject({
      status: 0,
      stdout: expect.stringMatching(/^Nothing is kept of \w+ \w+: no value of it has lost/),
    });
    // What was ignored asks again, and is no conflict.
    const chosen = await tandem(['review', 'resolve', reviews[0]?.review ?? '', '--choose', 'name=keap'], ask);
    expect(chosen.stderr).toMatch(/^CONFLICT: .*not by take/);

    // A difference that no sync has seen: the store of the stand-in is edited without a webhook.
    const product = shop.store.products.values().find((one) => String(one.id) === ids.customwebshop);
    if (product) shop.store.products.put({ ...product, name: `${product.name} edited` });
    const differs = await tandem(['qa', '--json'], ask);
    expect(differs.status).toBe(1);
    expect(JSON.parse(differs.stdout)).toMatchObject({ passed: false });
  }, 180_000);
});

describe('webhooks', () => {
  it('are registered under the public address with the key of their system', async () => {
    const { shop, env } = await standIns();
    const port = String(await freePort());
    const settings = {
      ...common(),
      ...env,
      TANDEM_PORT: port,
      TANDEM_PUBLIC_URL: `http://127.0.0.1:${port}`,
      TANDEM_WEBHOOK_SECRET: 'given',
    };
    await startTandem('start', { ...settings, TANDEM_CONFIG: await configFolder('product-product') });
    const hooks = await until(async () => {
      const answer = await fetch(`${shop.url}/webhooks`, { headers: { authorization: `Bearer ${shop.token}` } });
      const listed = (await answer.json()) as { topic: string; url: string }[];
      return listed.some((hook) => hook.topic === 'product.updated') && listed;
    });
    const redis = new Redis(settings.REDIS_URL);
    later(async () => redis.disconnect());
    // Keap and the shop listed them as active: scans of changes may be rare.
    await until(async () => {
      const systems = ['keap', 'customwebshop'];
      return (await registeredSystems(redis, settings.TANDEM_PREFIX, systems)).size === systems.length;
    });
    const keyOf = await webhookKeys(new Redis({ lazyConnect: true }), 'unused', 'given');
    expect(new Set(hooks.map((hook) => hook.url))).toEqual(
      new Set([`http://127.0.0.1:${port}/webhooks/customwebshop/${keyOf('customwebshop')}`]),
    );
  });

  it('have keys that all processes of one installation share, and that no other installation has', async () => {
    const redis = new Redis(redisUrl());
    later(async () => redis.disconnect());
    const [one, two] = [ownPrefix(), ownPrefix()];
    const [first, second, other] = await Promise.all([
      webhookKeys(redis, one, undefined),
      webhookKeys(redis, one, undefined),
      webhookKeys(redis, two, undefined),
    ]);
    expect(first('keap')).toBe(second('keap'));
    expect(first('keap')).toMatch(/^[A-Za-z0-9_-]{32}$/);
    expect(new Set([first('keap'), first('customwebshop'), other('keap')]).size).toBe(3);
    const given = await webhookKeys(redis, one, 'secret');
    expect(given('keap')).not.toBe(first('keap'));
  });
});

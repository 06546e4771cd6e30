// A system that was taken over answers whatever it likes: each answer is refused in words, at once, and not asked for again.
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Page } from '../../../engine/connectors/connector.ts';
import { createTokenSource } from '../../../engine/connectors/http/oauth.ts';
import { ATTACKS, type AttackName } from '../../../sandbox/hostile/attacks.ts';
import { type HostileSystem, pathOf, startHostile } from '../../../sandbox/hostile/server.ts';
import { closeAll, later } from '../../support/closing.ts';
import { systemConfig, testClient, testRedis } from './support.ts';

let system: HostileSystem;
beforeEach(async () => {
  system = await startHostile();
  later(() => system.close());
});
afterEach(closeAll);

const clientOf = (attack: AttackName) => testClient(systemConfig(system.urlOf(attack), { timeout: 20_000 })).client;
const requests = (attack: AttackName, path = '/things'): number =>
  system.requests.get(`GET ${pathOf(attack)}${path}`) ?? 0;

async function listAll(attack: AttackName): Promise<Page[]> {
  const pages: Page[] = [];
  const client = clientOf(attack);
  for await (const page of client.list('things')) pages.push(page);
  return pages;
}

/** What became of the list, of a record, of the tokens. */
const OUTCOMES: Record<AttackName, { list?: RegExp; read?: RegExp; token?: RegExp }> = {
  'a list of 3 million numbers': { list: /answered more than 400000 values/ },
  'a list of 3 million empty records': { list: /answered more than 400000 values/ },
  'a list of 50,000 records without an id': {},
  'a list of 60,000 good records': { list: /'items' of the answer is a list of 60000 records/ },
  'a record of 20 million empty arrays': { list: /more than 400000 values/, read: /more than 200000 values/ },
  'a record of a million keys': { list: /more than 400000 values/, read: /more than 200000 values/ },
  'a record that nests 5 million levels': { list: /more than 400000 values/, read: /more than 200000 values/ },
  'a text of 100 MB': { list: /more than 32 MiB/, read: /more than 8 MiB/ },
  'a number of 20 million digits': { list: /more than 1000 digits/, read: /more than 1000 digits/ },
  'a response without end': { list: /more than 400000 values/ },
  'pages without end': {},
  'empty pages without end': { list: /goes on after 100 pages without a record/ },
  'tokens of a megabyte': { list: /more than 4096 characters/ },
  'a gzip bomb as a list': { list: /answered no readable JSON/ },
  'a gzip bomb as tokens': { token: /answered more than 64 KiB/ },
  'tokens without end': { token: /answered more than 64 KiB/ },
  'a refusal without end': { list: /failed \(500/ },
};

const outcomes = Object.entries(OUTCOMES) as [AttackName, (typeof OUTCOMES)[AttackName]][];

test('every attack of the stand-in is tried here', () => {
  expect(outcomes.map(([name]) => name).sort()).toEqual(Object.keys(ATTACKS).sort());
});

test.each(outcomes.filter(([, { list }]) => list))('%s is refused in a list', async (name, { list }) => {
  await expect(listAll(name)).rejects.toMatchObject({ message: expect.stringMatching(list!) });
  // What may be better the next moment is asked for again a few times; what is too much is not.
  expect(requests(name)).toBeLessThanOrEqual(/pages/.test(name) ? 100 : /more than|list of/.test(String(list)) ? 1 : 4);
});

test.each(outcomes.filter(([, { read }]) => read))('%s is refused as a record', async (name, { read }) => {
  await expect(clientOf(name).read('things', '1')).rejects.toMatchObject({
    code: 'SYSTEM_BAD_RESPONSE',
    message: expect.stringMatching(read!),
  });
  expect(requests(name, '/things/1')).toBe(1);
});

test.each(outcomes.filter(([, { token }]) => token))('%s are refused, and nothing is kept', async (name, { token }) => {
  const { redis, prefix } = testRedis();
  const auth = { kind: 'oauth2', clientId: 'c', clientSecret: 's', refreshToken: 'r', scope: undefined } as const;
  const options = { redis, prefix, system: 'shop', encryptionKey: 'k', timeout: 20_000 };
  const source = (url: string) => createTokenSource({ ...auth, tokenUrl: `${url}/token` }, options);
  await expect(source(system.urlOf(name)).token()).rejects.toMatchObject({
    code: 'SYSTEM_BAD_RESPONSE',
    message: expect.stringMatching(token!),
  });
  expect(await redis.keys(`${prefix}:*`)).toEqual([]);
  expect(await source(system.url).token()).toBe('access');
});

test('records without an id are counted, and the first of them are named', async () => {
  const [page, ...more] = await listAll('a list of 50,000 records without an id');
  expect(more).toEqual([]);
  expect(page).toMatchObject({ records: [], failed: [], unidentified: { count: 50_000 } });
  expect(page?.unidentified.first.map(({ position, error }) => [position, error.code])).toEqual(
    Array.from({ length: 10 }, (_, n) => [n, 'SYSTEM_BAD_RESPONSE']),
  );
});

test('reading a large page does not block other work', async () => {
  let longest = 0;
  let last = performance.now();
  const timer = setInterval(() => {
    longest = Math.max(longest, performance.now() - last);
    last = performance.now();
  }, 1);
  later(async () => clearInterval(timer));
  const begun = performance.now();
  await listAll('a list of 50,000 records without an id');
  // Making 50,000 errors takes longer than any single turn.
  expect({ longest, whole: performance.now() - begun }).toSatisfy(
    (one: { longest: number; whole: number }) => one.longest < 250 || one.longest < one.whole / 3,
  );
});

test('a search that finds everything, and a table that never ends, are refused', async () => {
  const client = clientOf('pages without end');
  await expect(client.find('things', 'name', 'x')).rejects.toThrow(/too many records/);
  await expect(client.cached('things')).rejects.toThrow(/more than 10000 records of things/);
});

// OAuth2: rotating refresh tokens, one refresh for all processes, encrypted at rest.
import { setTimeout as delay } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createTokenSource, type TokenOptions } from '../../../engine/connectors/http/oauth.ts';
import type { OAuthConfig } from '../../../engine/connectors/http/token-endpoint.ts';
import { closeAll } from '../../support/closing.ts';
import { serve, systemConfig, testClient, testRedis } from './support.ts';

afterEach(closeAll);

let refresh: Set<string>;
let access: Set<string>;
let requests: { refresh: string | null; authorization: string | undefined; concurrent: number }[];
let answer: { status: number; body: unknown } | undefined;
let lives: number;
let tokenUrl: string;
let baseUrl: string;
let redis: Redis;
let prefix: string;

/** A token endpoint that ends a refresh token with its first use, as Keap's does. */
beforeEach(async () => {
  refresh = new Set(['first']);
  access = new Set();
  requests = [];
  answer = undefined;
  lives = 3600;
  let underWay = 0;
  ({ redis, prefix } = testRedis());
  baseUrl = await serve((app) => {
    app.addContentTypeParser('application/x-www-form-urlencoded', { parseAs: 'string' }, (_, body, done) =>
      done(null, body),
    );
    app.post('/token', async (request, reply) => {
      const form = new URLSearchParams(request.body as string);
      const token = form.get('refresh_token');
      underWay += 1;
      requests.push({ refresh: token, authorization: request.headers.authorization, concurrent: underWay });
      await delay(30);
      underWay -= 1;
      if (answer !== undefined) return reply.code(answer.status).send(answer.body);
      if (token === null || !refresh.delete(token)) {
        return reply.code(400).send({ error: 'invalid_grant', error_description: `no such token ${token}` });
      }
      const number = requests.length;
      refresh.add(`refresh-${number}`);
      access.add(`access-${number}`);
      return {
        access_token: `access-${number}`,
        token_type: 'Bearer',
        expires_in: lives,
        refresh_token: `refresh-${number}`,
      };
    });
    app.get('/things/:id', async (request, reply) => {
      const token = request.headers.authorization?.replace('Bearer ', '') ?? '';
      if (!access.has(token)) return reply.code(401).send({ fault: { faultstring: `Invalid token ${token}` } });
      return { id: '1', name: 'x' };
    });
  });
  tokenUrl = `${baseUrl}/token`;
});

const config = (more: Partial<OAuthConfig> = {}): OAuthConfig => ({
  kind: 'oauth2',
  tokenUrl,
  clientId: 'client',
  clientSecret: 'client-secret',
  refreshToken: 'first',
  scope: undefined,
  ...more,
});
const source = (more: Partial<TokenOptions> = {}, of: Partial<OAuthConfig> = {}) =>
  createTokenSource(config(of), { redis, prefix, system: 'keap', encryptionKey: 'key-one', timeout: 1_000, ...more });

test('many callers in many processes make one refresh', async () => {
  const sources = Array.from({ length: 5 }, () => source());
  const tokens = await Promise.all(Array.from({ length: 40 }, (_, i) => sources[i % 5]?.token()));
  expect(new Set(tokens)).toEqual(new Set(['access-1']));
  expect(requests).toHaveLength(1);
  expect(requests[0]?.authorization).toBe(`Basic ${Buffer.from('client:client%2Dsecret').toString('base64')}`);
});

test('tokens are rotated: after each end of life, and by the stored refresh token', async () => {
  let now = Date.now();
  const clock = { now: () => now };
  expect(await source(clock).token()).toBe('access-1');
  now += 3_539_000;
  expect(await source(clock).token()).toBe('access-1');
  // A minute before its end it is replaced.
  now += 1_500;
  const both = await Promise.all([source(clock).token(), source(clock).token()]);
  expect(both).toEqual(['access-2', 'access-2']);
  expect(requests.map((request) => request.refresh)).toEqual(['first', 'refresh-1']);
  expect(Math.max(...requests.map((request) => request.concurrent))).toBe(1);
});

test.each([60, 30, 8])('a token that lives %d seconds is used for three quarters of its time', async (seconds) => {
  lives = seconds;
  let now = Date.now();
  const one = source({ now: () => now });
  expect(await one.token()).toBe('access-1');
  now += seconds * 700;
  for (let i = 0; i < 10; i++) expect(await one.token()).toBe('access-1');
  expect(requests).toHaveLength(1);
  now += seconds * 100;
  expect(await one.token()).toBe('access-2');
});

test('nothing readable is in Redis, and a changed key still opens what the old one sealed', async () => {
  await source().token();
  const keys = await redis.keys(`${prefix}:*`);
  const values = await Promise.all(keys.map((key) => redis.get(key)));
  expect(values.length).toBe(1);
  expect(values.join()).not.toMatch(/access|refresh|first/);
  expect(await source({ encryptionKey: 'key-two,key-one' }).token()).toBe('access-1');
  expect(requests).toHaveLength(1);
  // Without the old key the stored tokens are lost, and the environment's refresh token has been used up.
  await expect(source({ encryptionKey: 'key-three' }).token()).rejects.toMatchObject({ code: 'SYSTEM_AUTH' });
});

test('tokens are encrypted again at once when the key changes, and then the former key can be removed', async () => {
  await source().token();
  const key = `${prefix}:{keap}:oauth`;
  const before = await redis.get(key);
  // A first step for several processes: the new key opens already, the former one still seals.
  expect(await source({ encryptionKey: 'key-one,key-two' }).token()).toBe('access-1');
  expect(await redis.get(key)).toBe(before);
  expect(await source({ encryptionKey: 'key-two,key-one' }).token()).toBe('access-1');
  expect(await redis.get(key)).not.toBe(before);
  expect(await source({ encryptionKey: 'key-two' }).token()).toBe('access-1');
  expect(requests).toHaveLength(1);
  // A process that still has only the former key reports what is wrong, and spoils nothing.
  await expect(source().token()).rejects.toThrow(/cannot be opened.*TANDEM_ENCRYPTION_KEY/);
  expect(await source({ encryptionKey: 'key-two' }).token()).toBe('access-1');
});

test('tokens that another process stored meanwhile are not overwritten by sealing old ones again', async () => {
  await source().token();
  const key = `${prefix}:{keap}:oauth`;
  const old = (await redis.get(key)) ?? '';
  const newer = await (async () => {
    await source({ encryptionKey: 'key-two,key-one' }).token('access-1');
    return redis.get(key);
  })();
  // A process reads the old tokens, and only then is the key replaced: as it wants to seal them, they are not there any more.
  const late = Object.create(redis) as Redis;
  late.get = (async () => old) as never;
  expect(await source({ redis: late, encryptionKey: 'key-two,key-one' }).token()).toBe('access-1');
  expect(await redis.get(key)).toBe(newer);
});

test('a renewed refresh token in the environment is tried where the stored one is refused', async () => {
  await source().token();
  refresh.clear();
  refresh.add('renewed');
  expect(await source({}, { refreshToken: 'renewed' }).token('access-1')).toBe('access-3');
  expect(requests.map((request) => request.refresh)).toEqual(['first', 'refresh-1', 'renewed']);
});

describe('refusals', () => {
  test('a used-up refresh token is reported without repeating it', async () => {
    refresh.clear();
    const error: unknown = await source()
      .token()
      .catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: 'SYSTEM_AUTH', context: { system: 'keap', status: 400 } });
    expect(String(error)).toMatch(/invalid_grant/);
    expect(String(error)).not.toMatch(/first/);
    // The lock is free again.
    expect(await redis.keys(`${prefix}:*`)).toEqual([]);
  });

  test.each([
    [{ status: 503, body: 'down' }, 'SYSTEM_UNAVAILABLE'],
    [{ status: 429, body: {} }, 'SYSTEM_THROTTLED'],
    [{ status: 401, body: { error: 'invalid_client' } }, 'SYSTEM_AUTH'],
    [{ status: 200, body: '<html>' }, 'SYSTEM_BAD_RESPONSE'],
  ])('a token request that gets %j fails and does not spend the refresh token', async (given, code) => {
    answer = given;
    await expect(source().token()).rejects.toMatchObject({ code });
    // The refresh token was not spent.
    answer = undefined;
    expect(await source().token()).toMatch(/^access-/);
  });

  test('Tandem does not start without an encryption key, or with a token URL of another machine over plain HTTP', () => {
    expect(() => source({ encryptionKey: undefined })).toThrow(expect.objectContaining({ code: 'STARTUP_REFUSED' }));
    expect(() => source({ encryptionKey: ' , ' })).toThrow(/TANDEM_ENCRYPTION_KEY/);
    expect(() => source({}, { tokenUrl: 'http://example.com/token' })).toThrow(
      expect.objectContaining({ code: 'STARTUP_REFUSED' }),
    );
  });
});

test('a process that died while refreshing is waited for, then replaced', async () => {
  await redis.set(`${prefix}:{keap}:oauth:lock`, 'someone', 'PX', 300);
  expect(await source().token()).toBe('access-1');
});

test('a client replaces a token that the system refuses, once', async () => {
  const system = systemConfig(baseUrl, { auth: config() });
  const { client, calls } = testClient(system, { redis, prefix, encryptionKey: 'key-one' });
  expect(await client.read('things', '1')).toMatchObject({ id: '1' });
  access.clear();
  const reads = await Promise.all([client.read('things', '1'), client.read('things', '1'), client.read('things', '1')]);
  expect(reads.map((record) => record?.id)).toEqual(['1', '1', '1']);
  expect(requests).toHaveLength(2);
  access.clear();
  refresh.clear();
  await expect(client.read('things', '1')).rejects.toMatchObject({ code: 'SYSTEM_AUTH' });
  expect(calls.filter(({ operation }) => operation === 'read').at(-1)).toMatchObject({
    system: 'shop',
    error: 'SYSTEM_AUTH',
  });
});

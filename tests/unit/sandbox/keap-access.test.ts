// The Keap stand-in's gate: keys, OAuth with rotation, limits.

import { afterEach, describe, expect, it } from 'vitest';
import { keapLimits, Limiter } from '../../../sandbox/keap/limits.ts';
import { type KeapOptions, type KeapSandbox, startKeap } from '../../../sandbox/keap/server.ts';
import { caller, type Loose } from './support.ts';

const list = '/crm/rest/v2/companies';
let keap: KeapSandbox | undefined;

async function start(options: KeapOptions = {}): Promise<KeapSandbox> {
  keap = await startKeap(options);
  return keap;
}
afterEach(() => keap?.close());

async function refresh(url: string, token: string, secret = 'secret') {
  const answer = await fetch(`${url}/token`, {
    method: 'POST',
    headers: { authorization: `Basic ${Buffer.from(`client:${secret}`).toString('base64')}` },
    body: new URLSearchParams({ grant_type: 'refresh_token', refresh_token: token }),
  });
  return { status: answer.status, body: (await answer.json()) as Loose };
}

describe('keys and tokens', () => {
  it('Keap takes the key in either header, and refuses other keys with the error of the gateway', async () => {
    const { url } = await start();
    const status = async (headers: Record<string, string>) => (await caller(url, headers)('GET', list)).status;
    expect(await status({ 'X-Keap-API-Key': 'sandbox-keap-key' })).toBe(200);
    expect(await status({ authorization: 'Bearer sandbox-keap-key' })).toBe(200);
    expect(await status({})).toBe(401);
    const wrong = await caller(url, { authorization: 'Bearer nope' })('GET', list);
    expect(wrong.body.fault).toEqual({ faultstring: expect.any(String), detail: { errorcode: expect.any(String) } });
  });

  it('Keap rotates the refresh token: each is good for one use', async () => {
    const { url, auth } = await start({ oauth: { clientId: 'client', clientSecret: 'secret', refreshToken: 'first' } });
    const one = await refresh(url, 'first');
    expect(one.body).toMatchObject({ token_type: 'bearer', expires_in: 86_400 });
    expect((await refresh(url, 'first')).status).toBe(400);
    expect((await refresh(url, one.body.refresh_token, 'wrong')).status).toBe(401);
    const two = await refresh(url, one.body.refresh_token);
    expect(two.status).toBe(200);
    const call = caller(url, { authorization: `Bearer ${two.body.access_token}` });
    expect((await call('GET', list)).status).toBe(200);
    auth.revoke();
    expect((await call('GET', list)).status).toBe(401);
  });

  it('access tokens expire', async () => {
    const { url } = await start({
      accessTokenSeconds: 0,
      oauth: { clientId: 'client', clientSecret: 'secret', refreshToken: 'first' },
    });
    const { body } = await refresh(url, 'first');
    const answer = await caller(url, { authorization: `Bearer ${body.access_token}` })('GET', list);
    expect(answer.body.fault.detail.errorcode).toContain('access_token_expired');
  });
});

describe('limits', () => {
  it('are stated in headers for the token and the account, and a request beyond them gets status 429', async () => {
    const { url, apiKey } = await start({ limits: { key: { perDay: 3, perMinute: 100 }, tenant: { perDay: 20 } } });
    const call = caller(url, { 'X-Keap-API-Key': apiKey });
    const first = await call('GET', list);
    const header = (name: string) => first.headers.get(`x-keap-${name}`);
    const counts = (name: string) => ['limit', 'available', 'used'].map((count) => header(`${name}-${count}`));
    expect(counts('product-quota')).toEqual(['3', '2', '1']);
    expect(counts('tenant-quota')).toEqual(['20', '19', '1']);
    for (const of of ['product', 'tenant']) {
      expect(Number(header(`${of}-quota-expiry-time`)) % 86_400_000).toBe(0);
      expect([header(`${of}-throttle-interval`), header(`${of}-throttle-time-unit`)]).toEqual(['1', 'minute']);
    }
    expect([header('product-throttle-limit'), header('tenant-throttle-limit')]).toEqual(['100', '100000']);
    await call('GET', list);
    await call('GET', list);
    const refused = await call('GET', list);
    expect(refused.status).toBe(429);
    expect(refused.body).toEqual({
      code: '429',
      message: 'Quota Exceeded',
      status: 'Request Throttled',
      details: null,
    });
    expect(refused.headers.get('x-keap-product-quota-available')).toBe('0');
    expect(refused.headers.get('x-keap-tenant-quota-used')).toBe('3');
  });

  const noReply = { headers: () => {} } as unknown as Parameters<Limiter['check']>[0];

  it.each([
    ['key', 10, 240, 3, 30_000],
    ['oauth', 25, 1_500, 25, 150_000],
  ] as const)(
    "are Keap's own for a token of the kind %s: %d a second, %d a minute, and with %d a second %d a day",
    (token, second, minute, steady, day) => {
      const limits = { key: keapLimits.key, oauth: keapLimits.oauth };
      /** How many calls pass within some seconds from the start of a day. */
      const passed = (perSecond: number, seconds: number) => {
        let now = 1_750_032_000_000;
        const limiter = new Limiter(limits, () => now);
        let count = 0;
        for (let at = 0; at < seconds; at++, now += 1_000)
          for (let i = 0; i < perSecond; i++)
            try {
              limiter.check(noReply, token);
              count++;
            } catch {
              // Refused: that is what is counted.
            }
        return count;
      };
      expect(passed(second + 1, 2)).toBe(second * 2);
      expect(passed(second, 60)).toBe(minute);
      expect(passed(steady, day / steady + 1)).toBe(day);
    },
  );

  it('are shared by all tokens of an account', () => {
    const limiter = new Limiter({ tenant: { perMinute: 2 } }, () => 1_750_000_000_000);
    limiter.check(noReply, 'key');
    limiter.check(noReply, 'oauth');
    for (const token of ['key', 'oauth'] as const)
      expect(() => limiter.check(noReply, token)).toThrow('Quota Exceeded');
  });

  it('refuse a spike with the older form of error, and allow requests again a second later', () => {
    let now = 1_750_000_000_000;
    const limiter = new Limiter({ key: { perSecond: 2 } }, () => now);
    limiter.check(noReply, 'key');
    limiter.check(noReply, 'key');
    expect(() => limiter.check(noReply, 'key')).toThrow(/^Spike arrest violation/);
    now += 1_000;
    expect(() => limiter.check(noReply, 'key')).not.toThrow();
  });
});

// The Keap stand-in's gate: keys, OAuth with rotation, limits.

import { afterEach, describe, expect, it } from 'vitest';
import { Limiter } from '../../../sandbox/keap/limits.ts';
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
  it('takes the key in either header, and refuses others in the words of the gateway', async () => {
    const { url } = await start();
    const status = async (headers: Record<string, string>) => (await caller(url, headers)('GET', list)).status;
    expect(await status({ 'X-Keap-API-Key': 'sandbox-keap-key' })).toBe(200);
    expect(await status({ authorization: 'Bearer sandbox-keap-key' })).toBe(200);
    expect(await status({})).toBe(401);
    const wrong = await caller(url, { authorization: 'Bearer nope' })('GET', list);
    expect(wrong.body.fault).toEqual({ faultstring: expect.any(String), detail: { errorcode: expect.any(String) } });
  });

  it('rotates the refresh token: each is good for one use', async () => {
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

  it('lets access tokens end', async () => {
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
  it('tells them in headers and answers 429 beyond', async () => {
    const { url, apiKey } = await start({ limits: { perDay: 3, perMinute: 100, perSecond: 50 } });
    const call = caller(url, { 'X-Keap-API-Key': apiKey });
    const first = await call('GET', list);
    const header = (name: string) => first.headers.get(`x-keap-${name}`);
    expect([header('product-quota-limit'), header('product-quota-available'), header('product-quota-used')]).toEqual([
      '3',
      '2',
      '1',
    ]);
    expect(Number(header('product-quota-expiry-time')) % 86_400_000).toBe(0);
    expect([
      header('product-throttle-limit'),
      header('product-throttle-interval'),
      header('product-throttle-time-unit'),
    ]).toEqual(['100', '1', 'minute']);
    expect(header('tenant-throttle-limit')).toBe('100000');
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
  });

  it('answers a spike in the older form, and calms down within a second', async () => {
    let now = 1_750_000_000_000;
    const limiter = new Limiter({ perSecond: 2 }, () => now);
    const reply = { headers: () => {} } as unknown as Parameters<Limiter['check']>[0];
    limiter.check(reply);
    limiter.check(reply);
    expect(() => limiter.check(reply)).toThrow(/^Spike arrest violation/);
    now += 1_000;
    expect(() => limiter.check(reply)).not.toThrow();
  });
});

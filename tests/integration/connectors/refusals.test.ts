// Refusals that pass, over real HTTP: what is about one record, and what is about everything.
import { afterEach, describe, expect, test } from 'vitest';
import { closeAll } from '../../support/closing.ts';
import { serve, systemConfig, testClient } from './support.ts';

afterEach(closeAll);

interface Reply {
  readonly status: number;
  readonly page?: boolean;
}

/** @param reply how a request is refused; undefined: it is served */
async function setUp(reply: (method: string, url: string) => Reply | undefined) {
  const requests: string[] = [];
  const url = await serve((app) => {
    app.all('/*', async (request, answer) => {
      requests.push(`${request.method} ${request.url}`);
      const refused = reply(request.method, request.url);
      if (refused?.page)
        return answer.code(refused.status).type('text/html').send('<html><h1>Blocked by the firewall</h1></html>');
      if (refused) return answer.code(refused.status).send({ message: 'not now' });
      return { id: '1', items: [{ id: '1' }] };
    });
  });
  const states: string[] = [];
  const made = testClient(systemConfig(url), {
    // A pause long enough to look around in it: 5 times this.
    retryDelay: 40,
    onCircuit: (_, { state }) => states.push(state),
  });
  return { ...made, requests, states };
}

const codeOf = (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => 'done',
    ({ code }: { code: string }) => code,
  );

describe('of one record', () => {
  test.each([402, 403, 405, 408, 409, 413, 423, 425])(
    'a %i is tried again later, and stops no other record',
    async (status) => {
      const { client, states } = await setUp((method, url) =>
        url.includes('bad') || method === 'POST' ? { status } : undefined,
      );
      const change = { data: { name: 'x' }, changed: [] };
      await expect(client.read('things', 'bad')).rejects.toMatchObject({
        code: 'SYSTEM_REFUSED',
        retry: 'later',
        message: expect.stringContaining('not now'),
      });
      expect(await codeOf(client.update('things', 'bad', change))).toBe('SYSTEM_REFUSED');
      // Whether one that timed out was created is not known.
      expect(await codeOf(client.create('things', { name: 'x' }))).toBe(
        status === 408 ? 'OUTCOME_UNKNOWN' : 'SYSTEM_REFUSED',
      );
      expect(await codeOf(client.read('things', '1'))).toBe('done');
      expect([client.circuit.open, states]).toEqual([false, []]);
    },
  );

  test('a 404 response that is a web page does not count as a deletion', async () => {
    const { client } = await setUp((_, url) => (url.includes('bad') ? { status: 404, page: true } : undefined));
    await expect(client.read('things', 'bad')).rejects.toMatchObject({ code: 'SYSTEM_REFUSED', retry: 'later' });
    await expect(client.delete('things', 'bad')).rejects.toMatchObject({ code: 'SYSTEM_REFUSED' });
  });

  test('several records that are refused together cost one check', async () => {
    const { client, requests } = await setUp((method) => (method === 'GET' ? undefined : { status: 403 }));
    const some = Array.from({ length: 3 }, (_, i) => codeOf(client.delete('things', String(i))));
    expect(await Promise.all(some)).toEqual(Array(3).fill('SYSTEM_REFUSED'));
    expect(requests.filter((one) => one.startsWith('GET'))).toEqual(['GET /things?size=2']);
  });
});

describe('of everything', () => {
  test('wrong credentials are a state of the system, with the variable to check, and no failed try of a record', async () => {
    let right = false;
    const { client, requests, states } = await setUp(() => (right ? undefined : { status: 401 }));
    await expect(client.read('things', '1')).rejects.toMatchObject({
      code: 'SYSTEM_DOWN',
      retry: 'quota',
      message: expect.stringContaining('refuses the credentials, check SHOP_TOKEN'),
      context: { retryAfter: expect.any(Number) },
    });
    expect(client.circuit.status()).toMatchObject({
      state: 'unauthorized',
      reason: 'shop refuses the credentials, check SHOP_TOKEN: its calls wait',
      next: expect.any(Number),
    });
    expect(requests).toHaveLength(2);
    expect(await codeOf(client.create('things', { name: 'x' }))).toBe('SYSTEM_DOWN');
    expect(requests).toHaveLength(2);
    right = true;
    await expect.poll(() => client.circuit.retryAfter()).toBe(0);
    await client.ready('things');
    expect(await codeOf(client.read('things', '1'))).toBe('done');
    expect(states).toEqual(['unauthorized', 'up']);
  });

  test.each<[string, Reply]>([
    ['a firewall', { status: 403, page: true }],
    ['an unpaid bill', { status: 402 }],
    ['a missing right', { status: 403 }],
  ])('%s pauses all calls, until one is taken', async (_, refusal) => {
    let over = false;
    const { client, states } = await setUp(() => (over ? undefined : refusal));
    expect(await codeOf(client.read('things', '1'))).toBe('SYSTEM_DOWN');
    expect(await codeOf(client.list('things').next())).toBe('SYSTEM_DOWN');
    await expect.poll(() => client.circuit.retryAfter()).toBe(0);
    expect(await codeOf(client.ready('things'))).toBe('SYSTEM_DOWN');
    over = true;
    await expect.poll(() => client.circuit.retryAfter()).toBe(0);
    await client.ready('things');
    expect(states).toEqual(['refusing', 'up']);
  });

  test('a check at the start finds wrong credentials by one call', async () => {
    const { client, requests } = await setUp(() => ({ status: 401 }));
    expect(await codeOf(client.check('things'))).toBe('SYSTEM_AUTH');
    expect([client.circuit.status().state, requests.length]).toEqual(['unauthorized', 1]);
  });

  test('writes alone that are refused pause after four records, and reads go on', async () => {
    const { client, states } = await setUp((method) => (method === 'GET' ? undefined : { status: 403 }));
    for (let i = 0; i < 4; i++) expect(await codeOf(client.delete('things', String(i)))).toBe('SYSTEM_REFUSED');
    expect(await codeOf(client.delete('things', '5'))).toBe('SYSTEM_DOWN');
    expect(await codeOf(client.read('things', '1'))).toBe('done');
    expect(states).toEqual(['read-only']);
  });
});

// What a system wants to be sent: denormalized records, its account's facts, its form of an update mask; and a record that is read through a list.
import { afterEach, describe, expect, test } from 'vitest';
import type { EntityConfig, SystemConfig } from '../../../engine/config/types.ts';
import { compileExpression } from '../../../engine/expression/compile.ts';
import { parsePath } from '../../../engine/expression/path.ts';
import { closeAll } from '../../support/closing.ts';
import { operation, serve, systemConfig, testClient, things } from './support.ts';

afterEach(closeAll);

const path = (source: string) => parsePath(source) ?? expect.unreachable();

/** A shop that keeps amounts in minor units; the requests that came. */
async function shop(entity: Partial<EntityConfig> = {}, more: Partial<SystemConfig> = {}) {
  const requests: { method: string; url: string; body: unknown }[] = [];
  const account = { status: 200, body: { currency: 'KWD' } as object };
  const stored = { id: '1', name: 'Chair', price: { amount: 1250, currency: 'JPY' } };
  const url = await serve((app) => {
    app.addHook('preHandler', async ({ method, url: asked, body }) => {
      requests.push({ method, url: asked, body });
    });
    app.get('/account', (_, reply) => reply.code(account.status).send(account.body));
    app.get<{ Querystring: { id?: string } }>('/things', ({ query }) => ({
      items: query.id === 'two' ? [stored, stored] : query.id === '1' ? [stored] : [],
    }));
    app.get<{ Params: { id: string } }>('/things/:id', ({ params }, reply) =>
      params.id === 'gone'
        ? reply.code(404).send({})
        : params.id === 'moved'
          ? reply.redirect('/things/1', 301)
          : { ...stored, id: params.id === 'merged' ? '1' : params.id },
    );
    app.post('/things', () => stored);
    app.patch('/things/:id', () => stored);
  });
  const config = systemConfig(url, {
    account: { ...operation('GET', '/account'), cache: 60_000 },
    entities: {
      things: things({
        normalize: compileExpression(
          '$merge([$, { "price": $fromMinorUnits(price.amount, price.currency), "currency": price.currency }])',
        ),
        denormalize: compileExpression(
          '$merge([$, { "price": $toMinorUnits(price, $record.currency ? $record.currency : $account().currency) }])',
        ),
        schema: { type: 'object', properties: { id: { readOnly: true }, currency: { readOnly: true } } },
        update: {
          ...operation('PATCH', '/things/{id}'),
          mask: 'mask',
          maskStyle: 'repeat',
          nested: 'whole',
          version: undefined,
          answer: 'record',
        },
        ...entity,
      }),
    },
    ...more,
  });
  return { ...testClient(config), requests, account };
}

describe('a record is sent in the form that the system writes', () => {
  test('an update uses what the record itself says, and names each field of its body', async () => {
    const { client, requests } = await shop();
    const { data } = (await client.read('things', '1')) ?? expect.unreachable();
    expect(data).toMatchObject({ price: 1250, currency: 'JPY' });
    await client.update('things', '1', {
      data: { ...data, price: 1300, name: 'Stool' },
      changed: [path('price'), path('name')],
    });
    expect(requests.at(-1)).toEqual({
      method: 'PATCH',
      url: '/things/1?mask=price&mask=name',
      body: { price: 1300, name: 'Stool' },
    });
    expect(requests.filter(({ url }) => url === '/account')).toEqual([]);
  });

  test('an update of another field does not send what was not changed', async () => {
    const { client, requests } = await shop();
    const { data } = (await client.read('things', '1')) ?? expect.unreachable();
    await client.update('things', '1', { data: { ...data, name: 'Stool' }, changed: [path('name')] });
    expect(requests.at(-1)).toMatchObject({ url: '/things/1?mask=name', body: { name: 'Stool' } });
  });

  test('a create uses what the account says, which is asked once', async () => {
    const { client, requests } = await shop();
    await Promise.all([client.create('things', { price: 12.345 }), client.create('things', { price: '0.5' })]);
    expect(requests.filter(({ url }) => url === '/account')).toHaveLength(1);
    const bodies = requests.filter(({ method }) => method === 'POST').map(({ body }) => body);
    expect(bodies).toEqual(expect.arrayContaining([{ price: 12345 }, { price: 500 }]));
  });

  test('nothing is created while the account cannot be read, and it is asked again for the next', async () => {
    const { client, requests, account } = await shop();
    Object.assign(account, { status: 403, body: { message: 'Not allowed' } });
    await expect(client.create('things', { price: 1 })).rejects.toMatchObject({
      code: 'SYSTEM_REFUSED',
      message: expect.stringContaining('What describes the account cannot be read'),
    });
    expect(requests.map(({ method }) => method)).not.toContain('POST');
    Object.assign(account, { status: 200, body: { currency: 'USD' } });
    await client.create('things', { price: 1 });
    expect(requests.at(-1)).toMatchObject({ method: 'POST', body: { price: 100 } });
  });

  test('what cannot be written as it is, is refused before anything is sent', async () => {
    const { client, requests } = await shop();
    await expect(client.create('things', { price: 0.12345 })).rejects.toMatchObject({
      code: 'EXPRESSION_FAILED',
      message: expect.stringContaining('more decimal places than its currency'),
      context: { system: 'shop', entity: 'things' },
    });
    expect(requests.filter(({ method }) => method === 'POST')).toEqual([]);
  });
});

describe('a record that is read through a list', () => {
  const read = { ...operation('GET', '/things', { id: '{id}' }), items: 'items', exists: undefined };

  test('is the one record of the list', async () => {
    const { client, requests } = await shop({ read });
    expect(await client.read('things', '1')).toMatchObject({ id: '1' });
    expect(requests.map(({ url }) => url)).toEqual(['/things?id=1']);
  });

  test('does not exist where the list is empty', async () => {
    const { client } = await shop({ read });
    expect(await client.read('things', '404')).toBeUndefined();
  });

  test('exists where its own address has it, whatever the list holds', async () => {
    const { client, requests } = await shop({ read: { ...read, exists: '/things/{id}' } });
    await expect(client.read('things', '3')).rejects.toMatchObject({
      code: 'SYSTEM_BAD_RESPONSE',
      context: { id: '3' },
    });
    expect(await client.read('things', 'gone')).toBeUndefined();
    expect(requests.map(({ url }) => url)).toEqual(['/things?id=3', '/things/3', '/things?id=gone', '/things/gone']);
  });

  test.each(['merged', 'moved'])(
    'is another one where its own address leads to that: the two were merged (%s)',
    async (id) => {
      const { client } = await shop({ read: { ...read, exists: '/things/{id}' } });
      expect(await client.read('things', id)).toMatchObject({ id: '1' });
    },
  );

  test('is no record where the list holds several', async () => {
    const { client } = await shop({ read });
    await expect(client.read('things', 'two')).rejects.toMatchObject({ code: 'SYSTEM_BAD_RESPONSE' });
  });
});

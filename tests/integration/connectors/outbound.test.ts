// Whatever a system answers and whatever an id holds, requests and credentials go to the hosts that its file names, and nowhere else.
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createTokenSource } from '../../../engine/connectors/http/oauth.ts';
import { closeAll } from '../../support/closing.ts';
import { serve, systemConfig, testClient, testRedis, things } from './support.ts';

afterEach(closeAll);

/** Requests that reached the host that nobody named. */
let strayed: { url: string; authorization: string | undefined }[];
let elsewhere: string;

beforeEach(async () => {
  strayed = [];
  elsewhere = await serve((app) => {
    app.all('*', async (request) => {
      strayed.push({ url: request.url, authorization: request.headers.authorization });
      return { id: '1', name: 'from elsewhere', access_token: 'stolen', token_type: 'bearer' };
    });
  });
});

describe.each([301, 302, 303, 307, 308])('a redirect with %i', (status) => {
  test('is not followed by any operation', async () => {
    const url = await serve((app) => {
      app.all('*', async (_, reply) => reply.redirect(`${elsewhere}/things`, status));
    });
    const { client } = testClient(systemConfig(url));
    const list = async () => {
      for await (const _ of client.list('things'));
    };
    for (const work of [
      list,
      () => client.read('things', '1'),
      () => client.find('things', 'name', 'x'),
      () => client.create('things', { name: 'x' }),
      () => client.update('things', '1', { data: { name: 'x' }, changed: [] }),
      () => client.delete('things', '1'),
    ])
      await expect(work()).rejects.toMatchObject({ name: 'TandemError' });
    expect(strayed).toEqual([]);
  });

  test('is not followed by the token endpoint, which is given the client secret', async () => {
    const { redis, prefix } = testRedis();
    const url = await serve((app) => {
      app.addContentTypeParser('application/x-www-form-urlencoded', { parseAs: 'string' }, (_, body, done) =>
        done(null, body),
      );
      app.post('/token', async (_, reply) => reply.redirect(`${elsewhere}/token`, status));
    });
    const source = createTokenSource(
      {
        kind: 'oauth2',
        tokenUrl: `${url}/token`,
        clientId: 'c',
        clientSecret: 's',
        refreshToken: 'r',
        scope: undefined,
      },
      { redis, prefix, system: 'shop', encryptionKey: 'k', timeout: 1_000 },
    );
    await expect(source.token()).rejects.toMatchObject({ name: 'TandemError' });
    expect(strayed).toEqual([]);
    expect(await redis.keys(`${prefix}:*`)).toEqual([]);
  });
});

test('a list follows no next page on another host, however its address is written', async () => {
  const list = things().list;
  const { host } = new URL(elsewhere);
  for (const link of [
    `${elsewhere}/things`,
    `//${host}/things`,
    `\\\\${host}\\things`,
    `http:${elsewhere.slice(5)}`,
    `HTTP://${host}`,
    `http://127.0.0.1@${host}/things`,
    'file:///etc/passwd',
    'data:application/json,[]',
    'javascript:1',
  ]) {
    const url = await serve((app) => {
      app.get('/things', async (_, reply) => reply.header('link', `<${link}>; rel="next"`).send([{ id: '1' }]));
    });
    const entities = { things: things({ list: list && { ...list, items: '', paging: { kind: 'link' } } }) };
    const { client } = testClient(systemConfig(url, { entities }));
    const reading = async () => {
      for await (const _ of client.list('things'));
    };
    await expect(reading(), link).rejects.toMatchObject({ code: 'SYSTEM_BAD_RESPONSE' });
  }
  expect(strayed).toEqual([]);
});

test('an id that is an address stays an id', async () => {
  const asked: string[] = [];
  const url = await serve((app) => {
    app.all('*', async (request, reply) => {
      asked.push(request.url);
      return reply.code(404).send({});
    });
  });
  const { host } = new URL(elsewhere);
  const { client } = testClient(systemConfig(`${url}/api`));
  for (const id of [
    `${elsewhere}/x`,
    `//${host}/x`,
    `@${host}`,
    `\\\\${host}`,
    '../../admin',
    '?x=1',
    '#x',
    '%2e%2e',
    '\r\nX: 1',
    '{id}',
  ])
    expect(await client.read('things', id)).toBeUndefined();
  for (const id of ['', '.', '..'])
    await expect(client.read('things', id)).rejects.toMatchObject({ code: 'BAD_REQUEST' });
  expect(strayed).toEqual([]);
  expect(asked).toHaveLength(10);
  for (const path of asked) expect(path).toMatch(/^\/api\/things\/[^/?#]+$/);
});

// A declared system over real HTTP: reads, writes, and everything that goes wrong on the way.
import { createServer, type Server } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { afterEach, describe, expect, test, vi } from 'vitest';
import type { EntityConfig, SystemConfig } from '../../../engine/config/types.ts';
import type { Page } from '../../../engine/connectors/connector.ts';
import { compileExpression } from '../../../engine/expression/compile.ts';
import { parsePath } from '../../../engine/expression/path.ts';
import type { JsonObject } from '../../../engine/types.ts';
import { closeAll, later } from '../../support/closing.ts';
import { operation, serve, systemConfig, testClient, things } from './support.ts';

afterEach(closeAll);

type Handler = (
  request: FastifyRequest<{ Params: { id: string }; Querystring: Record<string, string> }>,
  reply: FastifyReply,
) => unknown;
interface Handlers {
  list?: Handler;
  read?: Handler;
  create?: Handler;
  update?: Handler;
  remove?: Handler;
}

/** A client of a server that answers as given; the requests that came. */
async function setUp(handlers: Handlers, entity: Partial<EntityConfig> = {}, more: Partial<SystemConfig> = {}) {
  const requests: { method: string; url: string; headers: FastifyRequest['headers']; body: unknown }[] = [];
  const none: Handler = (_, reply) => reply.code(404).send({ message: 'Not found' });
  const url = await serve((app) => {
    app.addHook('preHandler', async ({ method, url: path, headers, body }) => {
      requests.push({ method, url: path, headers, body });
    });
    app.get<{ Params: { id: string }; Querystring: Record<string, string> }>('/things', (q, r) =>
      (handlers.list ?? none)(q, r),
    );
    app.get<{ Params: { id: string }; Querystring: Record<string, string> }>('/things/:id', (q, r) =>
      (handlers.read ?? none)(q, r),
    );
    app.post<{ Params: { id: string }; Querystring: Record<string, string> }>('/things', (q, r) =>
      (handlers.create ?? none)(q, r),
    );
    for (const method of ['PATCH', 'PUT']) {
      app.route<{ Params: { id: string }; Querystring: Record<string, string> }>({
        method,
        url: '/things/:id',
        handler: (q, r) => (handlers.update ?? none)(q, r),
      });
    }
    app.delete<{ Params: { id: string }; Querystring: Record<string, string> }>('/things/:id', (q, r) =>
      (handlers.remove ?? none)(q, r),
    );
  });
  return { ...testClient(systemConfig(url, { entities: { things: things(entity) }, ...more })), requests, url };
}

/** Ends the connection without an answer. */
const cut: Handler = (request, reply) => {
  reply.hijack();
  request.raw.destroy();
};

/** A server that speaks raw bytes, for answers that no HTTP framework gives. */
async function raw(answer: string | undefined): Promise<string> {
  const server: Server = createServer((socket) => {
    socket.on('error', () => {});
    socket.once('data', () => {
      if (answer !== undefined) socket.write(answer);
      socket.destroySoon();
    });
  });
  later(() => new Promise((resolve) => server.close(resolve)));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  return `http://127.0.0.1:${typeof address === 'object' ? address?.port : 0}`;
}

async function all(pages: AsyncGenerator<Page>): Promise<Page[]> {
  const read: Page[] = [];
  for await (const page of pages) read.push(page);
  return read;
}
const ids = (pages: readonly Page[]) => pages.map((page) => page.records.map((record) => record.id));
const path = (source: string) => parsePath(source) ?? expect.unreachable();
const item = (id: number, more: JsonObject = {}): JsonObject => ({ id, name: `thing ${id}`, ...more });

describe.each(['page', 'offset'] as const)('a list that is read by %s', (kind) => {
  /** 50 records, 10 on a page. @param before what happens to them right before a request for records from this one on */
  async function listed(before: (from: number, records: number[], request: number) => void) {
    const records = Array.from({ length: 50 }, (_, i) => i + 1);
    let requests = 0;
    const url = await serve((app) => {
      app.get<{ Querystring: { at: string } }>('/things', ({ query }) => {
        const from = kind === 'page' ? (Number(query.at) - 1) * 10 : Number(query.at);
        before(from, records, ++requests);
        return { items: records.slice(from, from + 10).map((id) => item(id)) };
      });
    });
    const paging =
      kind === 'page'
        ? ({ kind, param: 'at', size: 10, first: 1 } as const)
        : ({ kind, param: 'at', size: 10 } as const);
    const entity = things({ list: { ...operation('GET', '/things'), items: 'items', paging, since: undefined } });
    const { client } = testClient(systemConfig(url, { entities: { things: entity } }));
    return { client, records };
  }
  const read = async (pages: AsyncGenerator<Page>): Promise<number[]> =>
    [
      ...new Set(
        ids(await all(pages))
          .flat()
          .map(Number),
      ),
    ].sort((a, b) => a - b);

  test('shows every record that is there, though some before them are deleted while it is read', async () => {
    for (const [when, gone] of [
      [2, [5]],
      [3, [1, 2, 3]],
      [5, [7, 12, 18]],
      [9, [33]],
    ] as const) {
      const { client, records } = await listed((_, list, request) => {
        if (request === when) for (const id of gone) list.splice(list.indexOf(id), 1);
      });
      const seen = await read(client.list('things'));
      expect(seen).toEqual(expect.arrayContaining(records));
    }
  });

  test('is read again where a record moved to a page that was read already', async () => {
    for (const [when, moved] of [
      [2, 35],
      [3, 50],
      [5, 41],
    ] as const) {
      const { client, records } = await listed((_, list, request) => {
        if (request !== when) return;
        list.splice(list.indexOf(moved), 1);
        list.unshift(moved);
      });
      expect(await read(client.list('things'))).toEqual([...records].sort((a, b) => a - b));
    }
  });

  test('shows what was changed while it was read, also where nothing shows on the border of pages', async () => {
    const records = Array.from({ length: 50 }, (_, i) => ({ id: i + 1, updated_at: '2020-01-01T00:00:00.000Z' }));
    let moved = false;
    const asked: string[] = [];
    const url = await serve((app) => {
      app.get<{ Querystring: { at: string; since?: string } }>('/things', ({ query, url }) => {
        asked.push(url);
        const from = kind === 'page' ? (Number(query.at) - 1) * 10 : Number(query.at);
        if (from === 20 && !moved) {
          // One goes from the last page to the first, another one from there: nothing shows on the border.
          moved = true;
          const [last] = records.splice(49, 1, ...records.splice(0, 1));
          records.unshift({ ...last!, updated_at: new Date().toISOString() });
        }
        const found = records.filter(({ updated_at }) => query.since === undefined || updated_at >= query.since);
        return { items: found.slice(from, from + 10) };
      });
    });
    const paging =
      kind === 'page'
        ? ({ kind, param: 'at', size: 10, first: 1 } as const)
        : ({ kind, param: 'at', size: 10 } as const);
    const since = { kind: 'filter', query: { since: '{since}' }, overlap: 0 } as const;
    const entity = things({ list: { ...operation('GET', '/things'), items: 'items', paging, since } });
    const { client } = testClient(systemConfig(url, { entities: { things: entity } }));
    expect(await read(client.list('things'))).toHaveLength(50);
    expect(moved).toBe(true);
    // A page, and the end behind it.
    expect(asked.filter((path) => path.includes('since'))).toHaveLength(2);
  });

  test('does not count as read where it shifts each time', async () => {
    let added = 50;
    const { client } = await listed((from, list) => {
      if (from === 20) list.unshift(++added);
    });
    await expect(read(client.list('things'))).rejects.toMatchObject({ code: 'SYSTEM_UNAVAILABLE' });
  });

  test('fails when more than a page of records was deleted before the part that is read', async () => {
    const { client } = await listed((_, list, request) => {
      if (request === 3) list.splice(0, 15);
    });
    await expect(read(client.list('things'))).rejects.toMatchObject({ code: 'SYSTEM_UNAVAILABLE' });
  });
});

describe.each(['page', 'offset'] as const)('a list that is read by %s ends where the system says so', (kind) => {
  /** A system with `count` records. @param cap the most that it gives at once; @param beyond what it says after the last page */
  async function listing(count: number, cap: number, beyond: (reply: FastifyReply, last: unknown[]) => unknown) {
    const records = Array.from({ length: count }, (_, i) => ({ id: String(i + 1) }));
    const asked: number[] = [];
    const handler: Handler = ({ query }, reply) => {
      const at = Number(query.at);
      const from = kind === 'page' ? (at - 1) * cap : at;
      asked.push(at);
      return from > 0 && from >= count
        ? beyond(reply, records.slice(-(count % cap || cap)))
        : { items: records.slice(from, from + cap) };
    };
    const paging =
      kind === 'page'
        ? ({ kind, param: 'at', size: 10, first: 1 } as const)
        : ({ kind, param: 'at', size: 10 } as const);
    const list = { ...operation('GET', '/things'), items: 'items', paging, since: undefined };
    const { client } = await setUp({ list: handler }, { list });
    const read = async () => ids(await all(client.list('things'))).flat();
    return { read, asked };
  }
  const numbers = (count: number) => Array.from({ length: count }, (_, i) => String(i + 1));

  test.each<[string, (reply: FastifyReply) => unknown]>([
    ['an empty page', () => ({ items: [] })],
    ['404', (reply) => reply.code(404).send({ detail: 'Invalid page.' })],
    ['400', (reply) => reply.code(400).send({ detail: 'Invalid page.' })],
    ['422', (reply) => reply.code(422).send({})],
    ['416', (reply) => reply.code(416).send()],
  ])('the list ends at %s after a full page, and after one that is not full', async (_, beyond) => {
    for (const count of [20, 13, 3]) {
      const { read } = await listing(count, 10, beyond);
      expect(await read()).toEqual(numbers(count));
    }
  });

  test('the list goes on after pages with fewer records than requested', async () => {
    const { read } = await listing(23, 4, () => ({ items: [] }));
    expect(await read()).toEqual(numbers(23));
  });

  test('the list ends when the last page comes once more', async () => {
    for (const count of [3, 13]) {
      const { read } = await listing(count, 10, (_, last) => ({ items: last }));
      expect(await read()).toEqual(numbers(count));
    }
  });

  test('the list fails when a full page comes once more, as the system ignores the page parameter', async () => {
    const { read } = await listing(10, 10, (_, last) => ({ items: last }));
    await expect(read()).rejects.toMatchObject({ code: 'SYSTEM_BAD_RESPONSE' });
  });

  test('an empty list costs one request, and a short one costs two', async () => {
    for (const [count, requests] of [
      [0, 1],
      [3, 2],
    ] as const) {
      const { read, asked } = await listing(count, 10, () => ({ items: [] }));
      await read();
      expect(asked).toHaveLength(requests);
    }
  });

  test('the list does not end at an error that occurs once, nor at an error with another reason', async () => {
    let times = 0;
    const flap = await listing(20, 10, (reply) => (++times === 1 ? reply.code(404).send() : { items: [] }));
    expect(await flap.read()).toEqual(numbers(20));
    const refused = await listing(20, 10, (reply) => reply.code(451).send());
    await expect(refused.read()).rejects.toMatchObject({ code: 'SYSTEM_REJECTED' });
    const first = await setUp({ list: (_, reply) => reply.code(404).send() });
    await expect(all(first.client.list('things'))).rejects.toMatchObject({ code: 'SYSTEM_BAD_RESPONSE' });
  });

  test('the list does not end at an error in the middle, after which there are records again', async () => {
    let times = 0;
    const records = Array.from({ length: 25 }, (_, i) => ({ id: String(i + 1) }));
    const paging =
      kind === 'page'
        ? ({ kind, param: 'at', size: 10, first: 1 } as const)
        : ({ kind, param: 'at', size: 10 } as const);
    const { client } = await setUp(
      {
        list: ({ query }, reply) => {
          const from = kind === 'page' ? (Number(query.at) - 1) * 10 : Number(query.at);
          return from === 10 && ++times === 1 ? reply.code(404).send() : { items: records.slice(from, from + 10) };
        },
      },
      { list: { ...operation('GET', '/things'), items: 'items', paging, since: undefined } },
    );
    expect(ids(await all(client.list('things'))).flat()).toEqual(numbers(25));
  });
});

describe('numbers that JavaScript cannot hold', () => {
  const RAW = '{"id":9007199254740993,"price":1234567890123.123456789,"list":[12345678901234567890],"name":"x"}';
  const json = (reply: FastifyReply, text: string) => reply.type('application/json').send(text);

  /** A system whose answers and requests are taken as text. */
  async function digits(entity: Partial<EntityConfig> = {}) {
    const bodies: string[] = [];
    const url = await serve((app) => {
      app.removeAllContentTypeParsers();
      app.addContentTypeParser('*', { parseAs: 'string' }, (_, body, done) => done(null, body));
      app.get('/things', (_, reply) => json(reply, `{"items":[${RAW}],"next":12345678901234567891}`));
      app.get('/things/:id', (request, reply) => json(reply, RAW.replace('"x"', `"${request.url}"`)));
      for (const method of ['POST', 'PATCH', 'PUT'])
        app.route({
          method,
          url: method === 'POST' ? '/things' : '/things/:id',
          handler: (request, reply) => {
            bodies.push(request.body as string);
            return json(reply, RAW);
          },
        });
    });
    return { ...testClient(systemConfig(url, { entities: { things: things(entity) } })), bodies };
  }

  test('name the record that they are the id of', async () => {
    const { client } = await digits();
    expect(await client.read('things', '9007199254740993')).toMatchObject({
      id: '9007199254740993',
      data: { name: '/things/9007199254740993' },
    });
  });

  test('go back as they came, in a changed place and beside it, whatever their form', async () => {
    for (const [entity, sent] of [
      [{}, '{"price":1234567890123.123456789,"list":[12345678901234567890]}'],
      [{ update: { ...things().update!, method: 'PUT' } }, RAW.replace('"id":9007199254740993,', '')],
    ] as const) {
      const { client, bodies } = await digits(entity);
      const record = (await client.read('things', '1'))!;
      const changed = [parsePath('price')!, parsePath('list')!];
      await client.update('things', '1', { data: { ...record.data, name: 'x' }, changed });
      await client.create('things', { ...record.data, name: 'x' });
      expect(bodies).toEqual([sent, RAW.replace('"id":9007199254740993,', '')]);
    }
  });

  test('are a token of the next page', async () => {
    const { client, calls } = await digits();
    const pages = client.list('things');
    await pages.next();
    await expect(pages.next().then(() => pages.next())).rejects.toMatchObject({ code: 'SYSTEM_BAD_RESPONSE' });
    expect(calls.length).toBeGreaterThan(1);
  });
});

describe('list', () => {
  test('streams pages, and asks for the next only when it is wanted', async () => {
    const { client, requests } = await setUp({
      list: ({ query }) => {
        const from = Number(query.token ?? 0);
        return { items: [item(from), item(from + 1)], ...(from < 4 ? { next: String(from + 2) } : {}) };
      },
    });
    const pages = client.list('things');
    await pages.next();
    expect(requests).toHaveLength(1);
    expect(ids(await all(pages))).toEqual([
      ['2', '3'],
      ['4', '5'],
    ]);
    expect(requests.map((request) => request.url)).toEqual([
      '/things?size=2',
      '/things?size=2&token=2',
      '/things?size=2&token=4',
    ]);
    expect(requests[0]?.headers.authorization).toBe('Bearer shop-token');
  });

  test('a bad record is reported and stops no other', async () => {
    const { client } = await setUp({ list: () => ({ items: [item(1), { name: 'no id' }, 'text', item(2)] }) });
    const [page] = await all(client.list('things'));
    expect(page?.records.map((record) => record.id)).toEqual(['1', '2']);
    expect(page?.unidentified).toMatchObject({ count: 2, first: [{ position: 1 }, { position: 2 }] });
    expect(page?.unidentified.first.map(({ error }) => error.code)).toEqual([
      'SYSTEM_BAD_RESPONSE',
      'SYSTEM_BAD_RESPONSE',
    ]);
  });

  test('a list of changes by filter asks for the given time minus the overlap', async () => {
    const list = things().list;
    const { client, requests } = await setUp(
      { list: () => ({ items: [item(1)] }) },
      {
        list: list && {
          ...list,
          since: { kind: 'filter', query: { filter: 'since_time=={since}' }, overlap: 120_000 },
        },
      },
    );
    await all(client.list('things', { since: '2026-01-01T00:02:00+0000' }));
    await all(client.list('things'));
    const filters = requests.map((request) => new URL(request.url, 'http://h').searchParams.get('filter'));
    expect(filters).toEqual(['since_time==2026-01-01T00:00:00.000Z', null]);
    await expect(all(client.list('things', { since: 'lately' }))).rejects.toMatchObject({ code: 'BAD_REQUEST' });
  });

  test('a list of changes with the newest first stops at the first older record', async () => {
    const list = things().list;
    const at = (minute: number) => ({ updated_at: `2026-01-01T00:${String(minute).padStart(2, '0')}:00Z` });
    const { client, requests } = await setUp(
      {
        list: ({ query }) =>
          query.token === undefined
            ? { items: [item(9, at(50)), item(8, at(40))], next: 'b' }
            : { items: [item(7, at(31)), item(6, at(29)), item(5, at(28))], next: 'c' },
      },
      { list: list && { ...list, since: { kind: 'newest-first', query: { order: 'desc' }, overlap: 60_000 } } },
    );
    expect(ids(await all(client.list('things', { since: '2026-01-01T00:31:00Z' })))).toEqual([['9', '8'], ['7']]);
    expect(requests.map((request) => request.url)).toEqual([
      '/things?size=2&order=desc',
      '/things?size=2&order=desc&token=b',
    ]);
  });

  test.each<[string, Handler]>([
    ['no list in it', () => ({ message: 'fine' })],
    ['a web page', (_, reply) => reply.type('text/html').send('<html>Welcome</html>')],
    ['cut off JSON', (_, reply) => reply.type('application/json').send('{"items":[{"id":1},')],
    ['text that is no UTF-8', (_, reply) => reply.type('application/json').send(Buffer.from([0x22, 0xff, 0x22]))],
    ['404', (_, reply) => reply.code(404).send({ message: 'no route' })],
    ['a redirect', (_, reply) => reply.redirect('http://127.0.0.1:1/other')],
    ['nothing', (_, reply) => reply.code(204).send()],
  ])('a response with %s makes the list fail', async (_, list) => {
    const { client, requests } = await setUp({ list });
    await expect(all(client.list('things'))).rejects.toMatchObject({
      code: 'SYSTEM_BAD_RESPONSE',
      retry: 'later',
      context: { system: 'shop', entity: 'things' },
    });
    expect(requests.length).toBeLessThanOrEqual(4);
  });

  test('a response that ends early makes the list fail', async () => {
    const url = await raw('HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 500\r\n\r\n{"items":[');
    const { client } = testClient(systemConfig(url));
    await expect(all(client.list('things'))).rejects.toMatchObject({ code: 'SYSTEM_UNREACHABLE' });
  });

  test('a request of a list is repeated after a short failure', async () => {
    let turn = 0;
    const { client, calls } = await setUp({
      list: (_, reply) => {
        turn += 1;
        if (turn === 1) return reply.code(502).type('text/html').send('<html>');
        if (turn === 2) return reply.type('text/html').send('<html>');
        return { items: [item(1)] };
      },
    });
    expect(ids(await all(client.list('things')))).toEqual([['1']]);
    expect(calls.map(({ status, error }) => [status, error])).toEqual([
      [502, 'SYSTEM_UNAVAILABLE'],
      [undefined, 'SYSTEM_BAD_RESPONSE'],
      [200, undefined],
    ]);
  });

  test('a list that waits for quota does not begin again', async () => {
    let turn = 0;
    const { client, requests } = await setUp({
      list: ({ query }, reply) => {
        turn += 1;
        if (turn === 2) return reply.code(429).header('retry-after', '0.2').send({ message: 'Quota Exceeded' });
        return query.token === undefined ? { items: [item(1)], next: 'b' } : { items: [item(2)] };
      },
    });
    expect(ids(await all(client.list('things')))).toEqual([['1'], ['2']]);
    expect(requests).toHaveLength(3);
  });

  test('can be called off while it waits', async () => {
    const { client } = await setUp({ list: () => delay(5_000) });
    const abort = new AbortController();
    const reading = all(client.list('things', { signal: abort.signal }));
    setTimeout(() => abort.abort(new Error('enough')), 50);
    await expect(reading).rejects.toThrow('enough');
  });

  test('follows Link headers on its own host only', async () => {
    const list = things().list;
    const entity = { list: list && { ...list, items: '', paging: { kind: 'link' as const } } };
    const good = await setUp(
      {
        list: ({ query }, reply) => {
          if (query.at === undefined) reply.header('link', '</things?at=2>; rel="next"');
          return [item(Number(query.at ?? 1))];
        },
      },
      entity,
    );
    expect(ids(await all(good.client.list('things')))).toEqual([['1'], ['2']]);
    const bad = await setUp(
      { list: (_, reply) => reply.header('link', '<http://169.254.169.254/things>; rel="next"').send([item(1)]) },
      entity,
    );
    await expect(all(bad.client.list('things'))).rejects.toMatchObject({ code: 'SYSTEM_BAD_RESPONSE' });
  });
});

describe('read and find', () => {
  test('a read returns the record with its version, and nothing for a record that does not exist', async () => {
    const { client, requests } = await setUp({
      read: ({ params }, reply) => {
        if (params.id === 'gone') return reply.code(410).type('text/html').send('<html>');
        if (params.id !== 'a/b') return reply.code(404).send({});
        return reply.header('etag', '"7"').send({ id: 'a/b', updated_at: '2026-01-01T00:00:00+0000' });
      },
    });
    expect(await client.read('things', 'a/b')).toEqual({
      id: 'a/b',
      modified: '2026-01-01T00:00:00.000Z',
      version: '"7"',
      data: { id: 'a/b', updated_at: '2026-01-01T00:00:00+0000' },
    });
    expect(await client.read('things', 'gone')).toBeUndefined();
    expect(await client.read('things', '9')).toBeUndefined();
    expect(requests[0]?.url).toBe('/things/a%2Fb');
    await expect(client.read('things', '..')).rejects.toMatchObject({ code: 'BAD_REQUEST' });
    await expect(client.read('other', '1')).rejects.toMatchObject({ code: 'CONFIG_REFERENCE' });
  });

  test('find returns only the records that have the value, from all pages of the response', async () => {
    const { client, requests } = await setUp({
      list: ({ query }) =>
        query.token === undefined
          ? { items: [item(1, { name: 'Ann Lee' }), item(2, { name: 'Annabel' })], next: 'b' }
          : { items: [item(3, { name: ' ANN lee ' }), item(4, { name: null }), item(1, { name: 'Ann Lee' })] },
    });
    const found = await client.find('things', 'name', 'ann lee');
    expect(found.map((record) => record.id)).toEqual(['1', '3']);
    expect(requests[0]?.url).toBe('/things?size=2&name=ann%20lee');
    expect(await client.find('things', 'name', '  ')).toEqual([]);
    await expect(client.find('things', 'colour', 'x')).rejects.toMatchObject({ code: 'OPERATION_UNSUPPORTED' });
  });

  test('an operation that is not declared is refused', async () => {
    const { client } = await setUp(
      {},
      { list: undefined, read: undefined, find: undefined, create: undefined, update: undefined, delete: undefined },
    );
    const refused = { code: 'OPERATION_UNSUPPORTED' };
    await expect(all(client.list('things'))).rejects.toMatchObject(refused);
    await expect(client.read('things', '1')).rejects.toMatchObject(refused);
    await expect(client.find('things', 'name', 'x')).rejects.toMatchObject(refused);
    await expect(client.create('things', {})).rejects.toMatchObject(refused);
    await expect(client.update('things', '1', { data: {}, changed: [] })).rejects.toMatchObject(refused);
    await expect(client.delete('things', '1')).rejects.toMatchObject(refused);
  });

  test.each([301, 302, 307, 308])('a record that was merged leads to the other one (%i)', async (status) => {
    const winner = { id: '2', name: 'Winner', updated_at: '2026-01-01T00:00:00Z' };
    const { client, requests } = await setUp(
      { read: ({ params }, reply) => (params.id === '1' ? reply.redirect('/things/2', status) : winner) },
      { read: { ...operation('GET', '/things/{id}', { fields: 'all' }), items: undefined, exists: undefined } },
    );
    expect(await client.read('things', '1')).toMatchObject({ id: '2', data: { name: 'Winner' } });
    expect(requests.map(({ url }) => url)).toEqual(['/things/1?fields=all', '/things/2?fields=all']);
  });

  test('a read follows a chain of merged records, but not an endless one', async () => {
    let last = 4;
    const { client, requests } = await setUp({
      read: ({ params: { id } }, reply) =>
        Number(id) < last
          ? reply.redirect(`/things/${Number(id) + 1}`, 301)
          : { id, updated_at: '2026-01-01T00:00:00Z' },
    });
    expect(await client.read('things', '1')).toMatchObject({ id: '4' });
    last = Number.POSITIVE_INFINITY;
    requests.length = 0;
    await expect(client.read('things', '1')).rejects.toMatchObject({ code: 'SYSTEM_BAD_RESPONSE' });
    expect(requests.length).toBeLessThan(20);
  });

  test.each([
    ['to a record that was deleted too', '/things/2', undefined],
    ['to another place, which is not there', '/login', 'SYSTEM_BAD_RESPONSE'],
  ])('a read counts only a deleted record as absent: a redirect %s', async (_, to, code) => {
    const { client } = await setUp({
      read: ({ params: { id } }, reply) =>
        id === '1' ? reply.redirect(to, 302) : reply.code(404).send({ message: 'not found' }),
    });
    const found = client.read('things', '1');
    if (code === undefined) expect(await found).toBeUndefined();
    else await expect(found).rejects.toMatchObject({ code, retry: 'later' });
  });

  test('a cached list is read once for many callers, and again after its time', async () => {
    let now = 0;
    let fail = true;
    const url = await serve((app) => {
      app.get('/things', (_, reply) => (fail ? reply.code(403).send({ message: 'no' }) : { items: [item(1)] }));
    });
    const { client, calls } = testClient(systemConfig(url, { entities: { things: things({ cache: 1_000 }) } }), {
      now: () => now,
    });
    await expect(client.cached('things')).rejects.toMatchObject({ code: 'SYSTEM_REFUSED' });
    fail = false;
    const [one, two] = await Promise.all([client.cached('things'), client.cached('things')]);
    expect(one).toBe(two);
    now = 999;
    await client.cached('things');
    expect(calls).toHaveLength(2);
    now = 1_001;
    await client.cached('things');
    expect(calls).toHaveLength(3);
  });
});

describe('create', () => {
  const created = (_: unknown, reply: FastifyReply) => reply.code(201).header('etag', '"1"').send({ id: 5, name: 'x' });

  test('sends what can be written, and the idempotency key', async () => {
    const { client, requests } = await setUp({ create: created });
    const record = await client.create('things', { id: '9', name: 'x', note: null }, { idempotencyKey: 'key-1' });
    expect(record).toEqual({ id: '5', modified: undefined, version: '"1"', data: { id: 5, name: 'x' } });
    expect(requests[0]?.body).toEqual({ name: 'x' });
    expect(requests[0]?.headers['idempotency-key']).toBe('key-1');
  });

  test('reads the record afterwards when the response is only an id', async () => {
    const create = { ...operation('POST', '/things'), idempotency: undefined, answer: 'id' as const };
    const { client } = await setUp({ create: created, read: () => ({ id: 5, name: 'x', more: 1 }) }, { create });
    expect((await client.create('things', { name: 'x' })).data).toEqual({ id: 5, name: 'x', more: 1 });
  });

  test.each<[string, Handler, Handler | undefined, string | undefined]>([
    ['the reading after fails', created, (_, reply) => reply.code(400).send({}), '5'],
    ['it is not found after', created, undefined, '5'],
    ['the answer has no id', (_, reply) => reply.code(201).send({ ok: true }), undefined, undefined],
  ])('has an unknown outcome when %s, and keeps the id if there is one', async (_, create, read, id) => {
    const config = { ...operation('POST', '/things'), idempotency: undefined, answer: 'id' as const };
    const { client } = await setUp({ create, ...(read === undefined ? {} : { read }) }, { create: config });
    const error: unknown = await client.create('things', { name: 'x' }).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: 'OUTCOME_UNKNOWN', retry: 'unknown' });
    expect((error as { context: { id?: string } }).context.id).toBe(id);
  });

  test.each<[string, Handler, string]>([
    ['500', (_, reply) => reply.code(500).send({ message: 'boom' }), 'OUTCOME_UNKNOWN'],
    ['a web page', (_, reply) => reply.type('text/html').send('<html>'), 'OUTCOME_UNKNOWN'],
    ['no answer in time', () => delay(3_000), 'OUTCOME_UNKNOWN'],
    ['a cut connection', cut, 'OUTCOME_UNKNOWN'],
    [
      '422',
      (_, reply) => reply.code(422).send({ message: 'Not valid.', errors: [{ field: 'name', message: 'is short' }] }),
      'SYSTEM_REJECTED',
    ],
    ['401', (_, reply) => reply.code(401).send({ message: 'token shop-token is bad' }), 'SYSTEM_AUTH'],
  ])('a create that gets %s is sent once, and ends with %s', async (_, create, code) => {
    const { client, requests } = await setUp({ create }, {}, { timeout: 300 });
    const error: unknown = await client.create('things', { name: 'Miller' }).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code, context: { system: 'shop', entity: 'things' } });
    expect(String(error)).not.toMatch(/Miller|shop-token/);
    if (code === 'SYSTEM_REJECTED') expect(String(error)).toContain('name: is short');
    expect(requests.filter(({ method }) => method === 'POST')).toHaveLength(1);
  });

  test('a refused connection was tried again: nothing had been sent', async () => {
    const { client, calls } = testClient(systemConfig('http://127.0.0.1:1'));
    await expect(client.create('things', { name: 'x' })).rejects.toMatchObject({ code: 'SYSTEM_DOWN', retry: 'quota' });
    expect(calls.map(({ error }) => error)).toEqual(Array(4).fill('SYSTEM_UNREACHABLE'));
  });
});

describe('update and delete', () => {
  const record = { id: '1', name: 'New', address: { line1: 'a', line2: 'b' } };
  const change = { data: record, changed: [path('name'), path('address.line1')], version: '"3"' };

  test('an update sends the changed leaves with the version', async () => {
    const { client, requests } = await setUp({ update: (_, reply) => reply.header('etag', '"4"').send(record) });
    expect(await client.update('things', '1', change)).toMatchObject({ id: '1', version: '"4"' });
    expect(requests[0]).toMatchObject({
      method: 'PATCH',
      url: '/things/1',
      body: { name: 'New', address: { line1: 'a' } },
    });
    expect(requests[0]?.headers['if-match']).toBe('"3"');
  });

  test('an update sends a mask, and reads the record afterwards when the response is empty', async () => {
    const update = {
      ...operation('PATCH', '/things/{id}'),
      mask: 'update_mask',
      maskStyle: 'comma',
      nested: 'whole',
      version: undefined,
      answer: 'none',
    } as const;
    const { client, requests } = await setUp(
      { update: (_, reply) => reply.code(204).send(), read: () => record },
      { update },
    );
    expect((await client.update('things', '1', change)).data).toEqual(record);
    expect(requests[0]).toMatchObject({
      url: '/things/1?update_mask=name%2Caddress',
      body: { name: 'New', address: record.address },
    });
    expect(requests[0]?.headers['if-match']).toBeUndefined();
  });

  test('an update with nothing to write only reads the record', async () => {
    const { client, requests } = await setUp({ read: () => record });
    await client.update('things', '1', { data: record, changed: [path('id')] });
    expect(requests.map((request) => request.method)).toEqual(['GET']);
  });

  describe('a version that the system refuses', () => {
    const record = { id: '1', updated_at: '2026-01-01T00:00:00Z', name: 'Old' };
    /** Tags of the origin count up with each write; `shown` is what a proxy or the origin makes of them. */
    async function tagged(
      shown: (tag: string, reads: number) => string,
      edit?: () => object,
      entity: Partial<EntityConfig> = { lag: 0 },
    ) {
      let [version, reads] = [1, 0];
      let now: object = record;
      const made = await setUp(
        {
          read: (_, reply) => reply.header('etag', shown(`"v${version}"`, ++reads)).send(now),
          update: (request, reply) => {
            if (edit) now = { ...now, ...edit() };
            if (request.headers['if-match'] !== `"v${version}"`)
              return reply.code(412).send({ message: 'precondition' });
            version++;
            now = { ...now, ...(request.body as object) };
            return reply.header('etag', shown(`"v${version}"`, reads)).send(now);
          },
        },
        entity,
      );
      const write = async (name: string) => {
        const before = (await made.client.read('things', '1'))!;
        const data = { ...before.data, name };
        return await made.client.update('things', '1', {
          ...before,
          before: before.data,
          data,
          changed: [path('name')],
        });
      };
      const patches = () => made.requests.filter(({ method }) => method === 'PATCH').length;
      return { ...made, write, patches };
    }

    test.each<[string, (tag: string) => string]>([
      ['a proxy has put -gzip to it', (tag) => tag.replace(/"$/, '-gzip"')],
      ['a proxy has put ;br to it', (tag) => tag.replace(/"$/, ';br"')],
      ['a proxy has made it weak', (tag) => `W/${tag}`],
      ['a proxy has made it weak and put --gzip to it', (tag) => `W/${tag.replace(/"$/, '--gzip"')}`],
    ])('because %s is sent as the system knows it, the next time at once', async (_, shown) => {
      const { write, patches } = await tagged(shown);
      expect((await write('One')).data).toMatchObject({ name: 'One' });
      const first = patches();
      expect(first).toBeGreaterThan(1);
      expect((await write('Two')).data).toMatchObject({ name: 'Two' });
      expect(patches()).toBe(first + 1);
    });

    test('ends in an error with this reason when it differs with each read', async () => {
      const { write, patches } = await tagged((tag, reads) => tag.replace(/"$/, `-${reads}"`), undefined, {
        lag: 60_000,
      });
      await expect(write('One')).rejects.toMatchObject({
        code: 'VERSION_REFUSED',
        retry: 'never',
        message: 'shop refuses the version (If-Match) that it gave itself, and the record of things did not change',
        context: { id: '1', status: 412 },
      });
      expect(patches()).toBe(2);
    });

    test('counts as a changed record for as long as reads may lag', async () => {
      let behind = 1;
      const { write, patches } = await tagged(() => `"v${1 - behind}"`, undefined, { lag: 300 });
      const changed = { code: 'RECORD_CHANGED', retry: 'later' };
      await expect(write('One')).rejects.toMatchObject(changed);
      behind = 0;
      expect((await write('One')).data).toMatchObject({ name: 'One' });
      expect(patches()).toBe(2);
      // It was taken meanwhile: the time begins again.
      await delay(310);
      await expect(write('Two')).rejects.toMatchObject(changed);
      await delay(310);
      await expect(write('Two')).rejects.toMatchObject({ code: 'VERSION_REFUSED', retry: 'never' });
    });

    test('counts as a changed record when reads lag again after another process wrote the record', async () => {
      let behind = 1;
      const { write } = await tagged(() => `"v${1 - behind}"`, undefined, { lag: 300 });
      const changed = { code: 'RECORD_CHANGED', retry: 'later' };
      await expect(write('One')).rejects.toMatchObject(changed);
      await delay(310);
      behind = 2;
      await expect(write('Two')).rejects.toMatchObject(changed);
    });

    test('counts as a changed record when somebody edited the record, and the edit stays', async () => {
      const { write, patches, client } = await tagged(
        (tag) => tag.replace(/"$/, '-gzip"'),
        () => ({ name: 'Edited' }),
      );
      await expect(write('One')).rejects.toMatchObject({ code: 'RECORD_CHANGED', retry: 'later' });
      expect(patches()).toBe(1);
      expect((await client.read('things', '1'))?.data).toMatchObject({ name: 'Edited' });
    });

    test('gives the message of the system when the conflict is of another kind', async () => {
      const { client } = await setUp({
        read: (_, reply) => reply.header('etag', '"3"').send(record),
        update: (_, reply) => reply.code(409).send({ message: 'The name is taken' }),
      });
      const before = (await client.read('things', '1'))!;
      await expect(
        client.update('things', '1', { ...before, before: before.data, changed: [path('name')] }),
      ).rejects.toMatchObject({
        code: 'SYSTEM_REFUSED',
        retry: 'later',
        message: 'shop refuses this for now: The name is taken',
      });
    });
  });

  test.each<[number, string]>([
    [412, 'RECORD_CHANGED'],
    [409, 'RECORD_CHANGED'],
    [404, 'SYSTEM_NOT_FOUND'],
    [422, 'SYSTEM_REJECTED'],
    [500, 'SYSTEM_UNAVAILABLE'],
    [423, 'SYSTEM_UNAVAILABLE'],
  ])('an update that gets status %d fails with %s', async (status, code) => {
    const { client, requests } = await setUp(
      { update: (_, reply) => reply.code(status).send({}) },
      {},
      { retry: { statuses: [423] } },
    );
    await expect(client.update('things', '1', change)).rejects.toMatchObject({ code, context: { status, id: '1' } });
    expect(requests).toHaveLength(1);
  });

  test('a lost response to an update or delete is transient: repeating it is harmless', async () => {
    const { client } = await setUp({ update: cut, remove: cut });
    await expect(client.update('things', '1', change)).rejects.toMatchObject({ code: 'SYSTEM_UNAVAILABLE' });
    await expect(client.delete('things', '1')).rejects.toMatchObject({ code: 'SYSTEM_UNAVAILABLE' });
  });

  test('deleting what is gone is a success', async () => {
    const { client } = await setUp({ remove: ({ params }, reply) => reply.code(params.id === '1' ? 204 : 404).send() });
    await client.delete('things', '1');
    await client.delete('things', '2');
  });
});

describe('limits', () => {
  test('a 429 response stops every client of the system until its time', async () => {
    let refuse = true;
    const { client, redis, prefix, url, requests } = await setUp({
      read: (_, reply) =>
        refuse ? reply.code(429).header('retry-after', '60').send({ message: 'Quota Exceeded' }) : { id: 1 },
    });
    await expect(client.read('things', '1')).rejects.toMatchObject({
      code: 'SYSTEM_THROTTLED',
      retry: 'quota',
      context: { status: 429 },
    });
    refuse = false;
    const other = testClient(systemConfig(url, { entities: { things: things() } }), { redis, prefix });
    const error = await other.client.read('things', '1').catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: 'SYSTEM_THROTTLED' });
    const { retryAfter } = (error as { context: { retryAfter: number } }).context;
    expect(retryAfter).toBeGreaterThan(58_000);
    expect(retryAfter).toBeLessThan(76_000);
    expect(requests).toHaveLength(1);
    expect(other.calls).toMatchObject([{ operation: 'read', status: undefined, error: 'SYSTEM_THROTTLED' }]);
  });

  test('what the system file calls a sign to slow down counts as 429, whatever its status', async () => {
    const errors = { throttled: compileExpression('$contains(body.busy, "slow")'), message: undefined };
    let body: object = { busy: 'slow down' };
    const { client, requests } = await setUp({ create: (_, reply) => reply.code(500).send(body) }, {}, { errors });
    await expect(client.create('things', { name: 'x' })).rejects.toMatchObject({ code: 'SYSTEM_THROTTLED' });
    expect(requests).toHaveLength(1);
    // An error of another shape is what it is, also where the expression fails on it.
    body = { busy: 7 };
    await vi.waitFor(
      () => expect(client.create('things', { name: 'x' })).rejects.toMatchObject({ code: 'OUTCOME_UNKNOWN' }),
      { timeout: 5_000, interval: 100 },
    );
  });

  test('a client sends no request while the quota is used up, even after a good response', async () => {
    const reset = String(Date.now() + 30_000);
    const { client, requests } = await setUp(
      { read: (_, reply) => reply.header('x-left', '0').header('x-reset', reset).send({ id: 1 }) },
      {},
      { quota: [{ remaining: 'x-left', part: undefined, reset: 'x-reset', window: undefined }] },
    );
    await client.read('things', '1');
    await expect(client.read('things', '1')).rejects.toMatchObject({ code: 'SYSTEM_THROTTLED' });
    expect(requests).toHaveLength(1);
  });

  test('no more requests are under way than declared', async () => {
    let underWay = 0;
    let most = 0;
    const { client } = await setUp(
      {
        read: async ({ params }) => {
          underWay += 1;
          most = Math.max(most, underWay);
          await delay(10);
          underWay -= 1;
          return { id: params.id };
        },
      },
      {},
      { concurrency: 3 },
    );
    await Promise.all(Array.from({ length: 30 }, (_, id) => client.read('things', String(id + 1))));
    expect(most).toBe(3);
  });

  test('an update goes ahead of the calls that wait, so that its record was read a moment ago', async () => {
    const { client, requests } = await setUp(
      {
        read: async ({ params }) => {
          await delay(10);
          return { id: params.id };
        },
        update: () => ({ id: 'c', name: 'x' }),
      },
      {},
      { concurrency: 1 },
    );
    const reads = ['a', 'b', 'd'].map((id) => client.read('things', id));
    const updates = ['c', 'c'].map((id) =>
      client.update('things', id, { data: { name: 'x' }, changed: [path('name')] }),
    );
    await Promise.all([...reads, ...updates]);
    expect(requests.map(({ url }) => url.slice('/things/'.length))).toEqual(['a', 'c', 'c', 'b', 'd']);
  });
});

test('each kind of credentials is sent as declared', async () => {
  const sent = async (auth: SystemConfig['auth']) => {
    const { client, requests } = await setUp({ read: () => ({ id: 1 }) }, {}, { auth, headers: { 'X-Fixed': 'yes' } });
    await client.read('things', '1');
    return requests[0]?.headers;
  };
  expect(await sent({ kind: 'none' })).not.toHaveProperty('authorization');
  expect(await sent({ kind: 'header', header: 'X-Keap-API-Key', value: 'k' })).toMatchObject({
    'x-keap-api-key': 'k',
    'x-fixed': 'yes',
  });
  expect(await sent({ kind: 'basic', user: 'ü', password: 'p:w' })).toMatchObject({
    authorization: `Basic ${Buffer.from('ü:p:w').toString('base64')}`,
  });
});

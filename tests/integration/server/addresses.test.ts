// Addresses and requests that no client library would send: they are refused in words, never by a failure of Tandem.
import { connect } from 'node:net';
import { appRoutes } from '@bull-board/api/dist/routes.js';
import type { FastifyInstance } from 'fastify';
import { afterEach, expect, test } from 'vitest';
import { listen } from '../../../server/server.ts';
import { closeAll } from '../../support/closing.ts';
import { until } from '../../support/until.ts';
import { API, person, type World, world } from './support.ts';
import { faultOfProblem, raw } from './walk.ts';

afterEach(closeAll);

const request = (line: string, ...headers: string[]): string =>
  [`${line} HTTP/1.1`, 'Host: 127.0.0.1', 'Connection: close', ...headers, '', ''].join('\r\n');
const TOKEN = `Authorization: Bearer ${API}`;

/** A queue with one job that failed. */
async function failedWorld(): Promise<World> {
  const made = await world({ crm: [person('1', '', 'p1@x.test')] });
  await made.sync();
  return made;
}

const failed = async ({ call }: World): Promise<number> =>
  (await call('GET', '/queues/reconcile-people')).body.counts.failed;

test('an address with "#" is refused everywhere, also where it ends like an action that the board allows', async () => {
  const made = await failedWorld();
  const base = await listen(made.app);
  const queue = '/queues/board/api/queues/reconcile-people';
  for (const [method, path] of [
    ['PUT', `${queue}/empty#/retry`],
    ['PUT', `${queue}/obliterate#/retry`],
    ['POST', `${queue}/add#/retry`],
    ['PUT', `${queue}/rate-limit#/retry`],
    ['PUT', `${queue}/clean/failed#/retry`],
    ['GET', '/runs#/'],
    ['GET', '/health/live#'],
    ['GET', '/nothing#'],
    ['POST', '/webhooks/crm/key#'],
    ['GET', '/queues/board#'],
    ['GET', '/runs?limit=1#'],
  ] as const) {
    const got = await raw(base, request(`${method} ${path}`, TOKEN, 'Content-Length: 0'));
    expect({ path, status: got.status, fault: faultOfProblem(got) }).toEqual({ path, status: 400, fault: undefined });
  }
  expect(await failed(made)).toBe(1);
});

test('the board acts by its allowed methods and routes only, whichever others it brings', async () => {
  const made = await failedWorld();
  const base = await listen(made.app);
  const allowed = /\/(pause|resume|promote|retry|retry\/:queueStatus)$/;
  const acting = appRoutes.api.filter(({ method }) => method !== 'get');
  expect(acting.length).toBeGreaterThan(15);
  for (const { method, route } of acting.filter((one) => !allowed.test(String(one.route)))) {
    const path = `/queues/board${route}`.replace(':queueName', 'reconcile-people').replace(/:\w+/, '1');
    // Also as proxies may pass it on, and with what is said to be a query.
    for (const target of [path, `http://127.0.0.1${path}`, `${path}?/retry`, `${path}?x=/api/queues/pause`]) {
      const got = await raw(base, request(`${String(method).toUpperCase()} ${target}`, TOKEN, 'Content-Length: 0'));
      expect({ target, status: got.status }).toEqual({ target, status: 409 });
    }
  }
  expect(await failed(made)).toBe(1);
});

test('a job id, cursor or time that is not valid is refused or not found', async () => {
  const made = await world();
  // The keys that are named like jobs are there once a job was.
  await made.sync();
  for (const [method, url, status] of [
    ['GET', '/queues/scan/jobs/events', 404],
    ['GET', '/queues/scan/jobs/meta', 404],
    ['GET', '/queues/scan/jobs/completed', 404],
    ['GET', '/queues/scan/jobs/id', 404],
    ['DELETE', '/queues/scan/jobs/events', 404],
    ['POST', '/queues/scan/jobs/events/retry', 404],
    ['POST', '/queues/scan/jobs/meta/promote', 404],
    ['GET', '/queues/board/api/queues/scan/events', 404],
    ['GET', '/queues/board/api/queues/scan/completed/logs', 404],
    ['PUT', '/queues/board/api/queues/scan/events/retry', 404],
    ['GET', '/links/people?cursor=18446744073709551616', 400],
    ['GET', `/links/people?cursor=${'9'.repeat(300)}`, 400],
    ['GET', '/records?before=2024-99-99T00:00:00Z', 400],
    ['GET', '/records?before=2024-02-30T00:00:00Z', 400],
    ['GET', '/records?before=2024-06-30T23:59:60Z', 400],
    ['GET', '/records/reasons?before=2024-01-01T25:00:00Z', 400],
  ] as const) {
    const { status: got, body } = await made.call(method, url);
    const code = status === 404 ? 'NOT_FOUND' : 'BAD_REQUEST';
    expect({ url, status: got, code: body.code }).toEqual({ url, status, code });
  }
});

test('a request with an Expect header that cannot be met gets a 417 problem document', async () => {
  const { app } = await world();
  const got = await raw(await listen(app), request('POST /triggers', 'Expect: the impossible', 'Content-Length: 2'));
  expect({ status: got.status, fault: faultOfProblem(got) }).toEqual({ status: 417, fault: undefined });
});

/** Sends and resets the connection at once, many times; ends when the server has seen the last of them close. */
async function resets(app: FastifyInstance, base: string, text: string): Promise<void> {
  const { port } = new URL(base);
  await Promise.all(
    Array.from(
      { length: 40 },
      () =>
        new Promise<void>((resolve) => {
          const socket = connect(Number(port), '127.0.0.1', () => socket.write(text, () => socket.resetAndDestroy()));
          socket.on('error', () => {});
          socket.on('close', () => resolve());
        }),
    ),
  );
  const connections = () => new Promise<number>((resolve) => app.server.getConnections((_, count) => resolve(count)));
  await until(async () => (await connections()) === 0);
}

test.each([
  ['without proxies', undefined],
  ['behind a proxy', 'loopback'],
])('requests whose connection is reset are no failures of Tandem (%s)', async (_, trustProxy) => {
  const lines: string[] = [];
  const { pino } = await import('pino');
  const logger = pino({ level: 'warn' }, { write: (line: string) => void lines.push(line) });
  const { app } = await world({ logger, ...(trustProxy ? { trustProxy: [trustProxy] } : {}) });
  const base = await listen(app);
  for (const text of [
    request('GET /runs'),
    request('GET /runs', 'X-Forwarded-For: 10.0.0.1'),
    request('GET /nothing'),
    request('GET /health/ready'),
    request('POST /triggers', 'Expect: 100-continue', 'Content-Length: 20'),
    request('POST /webhooks/crm/wrong', 'Content-Length: 20'),
    `${request('POST /triggers', TOKEN, 'Content-Type: application/json', 'Content-Length: 20')}{"scan`,
  ])
    await resets(app, base, text);
  expect({ failures: lines.length, first: lines[0] }).toEqual({ failures: 0, first: undefined });
});

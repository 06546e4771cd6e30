// The surface as a whole: who may do what, how errors look, what the OpenAPI document lists, pages in a browser.
import { randomBytes } from 'node:crypto';
import type { FastifyInstance } from 'fastify';
import { afterEach, expect, test } from 'vitest';
import { TandemError } from '../../../engine/errors.ts';
import { listen } from '../../../server/server.ts';
import { closeAll } from '../../support/closing.ts';
import { type Answer, API, CRM_KEY, READ, world } from './support.ts';

afterEach(closeAll);

const bearer = (token: string) => ({ authorization: `Bearer ${token}` });
const basic = (token: string) => ({ authorization: `Basic ${Buffer.from(`me:${token}`).toString('base64')}` });

test('the read token reads, the API token does everything, nothing else does anything', async () => {
  const { app } = await world();
  const ask = async (method: 'GET' | 'POST' | 'DELETE', url: string, headers: Record<string, string> = {}) =>
    (await app.inject({ method, url, headers })).statusCode;
  expect(await ask('GET', '/mappings')).toBe(401);
  expect(await ask('GET', '/mappings', bearer('wrong'))).toBe(401);
  expect(await ask('GET', '/mappings', { authorization: `Bearer${READ}` })).toBe(401);
  expect(await ask('GET', '/mappings', bearer(READ))).toBe(200);
  expect(await ask('GET', '/mappings', bearer(API))).toBe(200);
  expect(await ask('POST', '/queues/scan/pause', bearer(READ))).toBe(403);
  // What changes nothing is read, whatever its method; not for pages of others.
  const payload = { yaml: 'mapping: draft' };
  const validate = async (headers: Record<string, string>) =>
    (await app.inject({ method: 'POST', url: '/mappings/validate', headers, payload })).statusCode;
  expect(await validate(bearer(READ))).toBe(200);
  expect(await validate(bearer('wrong'))).toBe(401);
  expect(await validate({ ...basic(READ), origin: 'https://evil.example' })).toBe(403);
  const previewed = await app.inject({
    method: 'POST',
    url: '/mappings/people/preview',
    headers: bearer(READ),
    payload: { side: 'crm', record: { name: 'Ann' } },
  });
  expect(previewed.json()).toMatchObject({ to: 'shop', record: { name: 'Ann' } });
  expect(await ask('POST', '/queues/scan/pause', bearer(API))).toBe(200);
  expect(await ask('POST', '/queues/scan/pause', basic(API))).toBe(200);
  expect(await ask('GET', '/queues/board', basic(READ))).toBe(200);
  expect(await ask('GET', '/nothing-here')).toBe(401);
  expect(await ask('GET', '/health/live')).toBe(200);
  expect(await ask('GET', '/health/ready')).toBe(200);
  expect(await ask('POST', '/webhooks/crm/wrong')).toBe(404);
});

test('a refusal says how to be let in, and a browser is asked for a password only on pages', async () => {
  const { app } = await world();
  const api = await app.inject({ url: '/runs' });
  expect(api.headers['www-authenticate']).toMatch(/^Bearer/);
  expect(api.headers['content-type']).toMatch(/^application\/problem\+json/);
  expect(api.json()).toMatchObject({ type: '/errors/UNAUTHORIZED', status: 401, code: 'UNAUTHORIZED' });
  for (const url of ['/queues/board', '/queues/board/api/queues', '/docs', '/docs/json']) {
    expect((await app.inject({ url })).headers['www-authenticate']).toMatch(/^Basic/);
  }
  const write = await app.inject({ method: 'POST', url: '/triggers', headers: bearer(READ) });
  expect(write.json().detail).toContain('TANDEM_API_TOKEN');
});

test('the board answers errors as everything else does, with the words that its page shows', async () => {
  const { app } = await world();
  const board = '/queues/board';
  const ask = async (method: 'GET' | 'PUT', path: string, headers = {}) => {
    const answer = await app.inject({ method, url: `${board}${path}`, headers });
    expect(answer.headers['content-type']).toMatch(/^application\/problem\+json/);
    const body = answer.json();
    expect(body).toMatchObject({ type: `/errors/${body.code}`, status: answer.statusCode, detail: expect.any(String) });
    return { ...body, headers: answer.headers };
  };
  for (const [path, headers] of [
    ['', {}],
    ['', basic('wrong')],
    ['/api/queues', {}],
    ['/api/queues', bearer('wrong')],
  ] as const) {
    const refused = await ask('GET', path, headers);
    expect(refused).toMatchObject({
      code: 'UNAUTHORIZED',
      remedy: expect.stringMatching(/any user name, and a token as the password.*Authorization: Bearer TOKEN/),
      error: 'A token is needed',
      message: expect.stringContaining('any user name'),
    });
    expect(refused.headers['www-authenticate']).toMatch(/^Basic/);
  }
  const pause = '/api/queues/scan/pause';
  expect(await ask('PUT', pause, basic(READ))).toMatchObject({ code: 'FORBIDDEN', message: expect.any(String) });
  expect(await ask('PUT', pause, { ...basic(API), origin: 'https://evil.example' })).toMatchObject({ status: 403 });
  expect(await ask('PUT', '/api/queues/scan/empty', basic(API))).toMatchObject({ status: 409, code: 'CONFLICT' });
  // What the board itself says, its page translates.
  expect(await ask('GET', '/api/queues/none/1', basic(API))).toMatchObject({
    code: 'NOT_FOUND',
    detail: expect.stringContaining('queue not found'),
    error: { key: expect.stringMatching(/^ERRORS\./) },
  });
  expect(await ask('GET', '/static/none.js', basic(API))).toMatchObject({ code: 'NOT_FOUND' });
  for (let i = 0; i < 31; i++) await app.inject({ url: board, headers: basic('wrong') });
  const slowed = await ask('GET', '', basic('wrong'));
  expect(slowed).toMatchObject({ code: 'RATE_LIMITED', error: 'Too many requests' });
  expect(Number(slowed.headers['retry-after'])).toBeGreaterThan(0);
});

test('a failure of the board shows no internal details', async () => {
  const { app, engine } = await world();
  const broken = engine.queues.reconcile('people');
  broken.getJobState = () => Promise.reject(new Error('the secret of the board'));
  const url = '/queues/board/api/queues/reconcile-people/1';
  const answer = await app.inject({ url, headers: basic(API) });
  expect(answer.headers['content-type']).toMatch(/^application\/problem\+json/);
  expect(answer.json()).toMatchObject({ status: 500, code: 'INTERNAL', error: 'Tandem itself failed' });
  expect(answer.body).not.toContain('secret');
});

test('a client with too many failed attempts must wait, and a right token is never refused', async () => {
  const { app } = await world();
  let last = await app.inject({ url: '/runs', headers: bearer('wrong') });
  for (let i = 0; i < 31; i++) last = await app.inject({ url: '/runs', headers: bearer('wrong') });
  expect(last.statusCode).toBe(429);
  expect(Number(last.headers['retry-after'])).toBeGreaterThan(0);
  expect((await app.inject({ url: '/runs', headers: bearer(READ) })).statusCode).toBe(200);
});

test('without tokens everything is open, but to this machine and to its own pages only', async () => {
  const { app } = await world({ apiToken: '', readToken: undefined });
  expect((await app.inject({ url: '/runs' })).statusCode).toBe(200);
  expect((await app.inject({ url: '/runs', headers: { host: '127.0.0.1:8080' } })).statusCode).toBe(200);
  expect((await app.inject({ url: '/runs', headers: { host: '[::1]:8080' } })).statusCode).toBe(200);
  expect((await app.inject({ url: '/runs', headers: { host: 'evil.example:8080' } })).statusCode).toBe(403);
  expect(
    (
      await app.inject({
        method: 'POST',
        url: '/queues/scan/pause',
        headers: { host: 'localhost', origin: 'https://evil.example' },
      })
    ).statusCode,
  ).toBe(403);
  expect(
    (
      await app.inject({
        method: 'POST',
        url: '/queues/scan/pause',
        headers: { host: 'localhost:81', origin: 'http://localhost:81' },
      })
    ).statusCode,
  ).toBe(200);
  for (const host of ['0.0.0.0', '::', '192.168.1.5', 'example.com'])
    await expect(listen(app, { host })).rejects.toThrow(/TANDEM_API_TOKEN/);
  await expect(listen(app, { host: '0.0.0.0' })).rejects.toBeInstanceOf(TandemError);
  const url = await listen(app, { host: '127.0.0.1' });
  expect((await fetch(`${url}/health/live`)).status).toBe(200);
});

test('without tokens nobody is let in through a proxy of this machine, whatever it adds', async () => {
  const { app } = await world({ apiToken: '', readToken: '' });
  const ask = async (name: string) =>
    (await app.inject({ url: '/runs', headers: { host: 'localhost', [name]: '203.0.113.7' } })).json();
  // nginx, Apache, HAProxy, Envoy, Squid, Varnish; Amazon, Google, Azure, Cloudflare, Fastly, Akamai, Fly, Tailscale ...
  for (const name of [
    ...['x-forwarded-for', 'x-forwarded-host', 'x-forwarded-proto', 'x-forwarded-port', 'x-forwarded-server'],
    ...['x-forwarded', 'x-forwarded-prefix', 'x-forwarded-client-cert', 'forwarded', 'via', 'x-real-ip', 'cdn-loop'],
    ...['x-original-url', 'x-original-forwarded-for', 'x-client-ip', 'x-cluster-client-ip', 'x-proxyuser-ip'],
    ...['x-envoy-external-address', 'x-request-start', 'x-varnish', 'x-scheme', 'max-forwards', 'x-nginx-proxy'],
    ...['x-amzn-trace-id', 'x-amz-cf-id', 'x-cloud-trace-context', 'x-appengine-country', 'x-azure-clientip'],
    ...['x-arr-ssl', 'cf-connecting-ip', 'cf-ray', 'true-client-ip', 'fastly-client-ip', 'akamai-origin-hop'],
    ...['fly-client-ip', 'tailscale-user-login', 'x-vercel-forwarded-for', 'x-nf-client-connection-ip'],
  ]) {
    const detail = expect.stringContaining('proxy');
    expect({ name, ...(await ask(name)) }).toMatchObject({ name, status: 403, code: 'FORBIDDEN', detail });
  }
  // What clients send of themselves is no sign of one.
  for (const name of ['x-request-id', 'x-requested-with', 'traceparent', 'accept-language', 'referer'])
    expect({ name, ...(await ask(name)) }).toMatchObject({ name, total: 0 });
});

test('failed attempts are counted by who asks: a proxy is believed only where it is named', async () => {
  const attempts = async (app: FastifyInstance, from: (i: number) => string) => {
    let status = 0;
    for (let i = 0; i < 31; i++) {
      const headers = { ...bearer('wrong'), 'x-forwarded-for': from(i) };
      status = (await app.inject({ url: '/runs', headers, remoteAddress: '10.1.2.3' })).statusCode;
    }
    return status;
  };
  const plain = await world();
  expect(await attempts(plain.app, (i) => `203.0.113.${i}`)).toBe(429);
  const other = await world({ trustProxy: ['10.9.9.9'] });
  expect(await attempts(other.app, (i) => `203.0.113.${i}`)).toBe(429);
  const named = await world({ trustProxy: ['10.0.0.0/8'] });
  expect(await attempts(named.app, () => '203.0.113.1')).toBe(429);
  expect(await attempts(named.app, (i) => `203.0.114.${i}`)).toBe(401);
  // What stands further left was written by the caller.
  expect(await attempts(named.app, (i) => `203.0.115.${i}, 203.0.113.2`)).toBe(429);
});

test('wrong webhook keys are refused unread and soon slowed down; the right one is not', async () => {
  const { app } = await world();
  const send = (key: string, payload = '{"topic":"thing.changed","id":1}') =>
    app.inject({
      method: 'POST',
      url: `/webhooks/crm/${key}`,
      headers: { 'content-type': 'application/json' },
      payload,
    });
  // Larger than any body may be: it is not even looked at.
  expect((await send('wrong', 'x'.repeat(2 * 1024 * 1024))).statusCode).toBe(404);
  let last = await send('wrong');
  for (let i = 0; i < 31; i++) last = await send(`wrong-${i}`);
  expect(last.json()).toMatchObject({ status: 429, code: 'RATE_LIMITED' });
  expect(Number(last.headers['retry-after'])).toBeGreaterThan(0);
  expect((await send(CRM_KEY)).statusCode).toBe(202);
  expect((await send(CRM_KEY, 'x'.repeat(2 * 1024 * 1024))).statusCode).toBe(413);
});

test('a server with tokens listens anywhere; a taken port is reported in plain words', async () => {
  const { app } = await world();
  const url = await listen(app, { host: '0.0.0.0', port: 0 });
  const other = await world();
  await expect(listen(other.app, { host: '127.0.0.1', port: Number(new URL(url).port) })).rejects.toThrow(
    /another program listens there/,
  );
});

test('bad requests say what each fault is', async () => {
  const { call, app } = await world();
  const unknown = await call('POST', '/triggers/people', { scann: 'full', plan: 'yes' });
  expect(unknown.status).toBe(400);
  expect(unknown.headers['content-type']).toMatch(/^application\/problem\+json/);
  expect(unknown.body).toMatchObject({ code: 'BAD_REQUEST', type: '/errors/BAD_REQUEST' });
  expect(unknown.body.errors).toContainEqual({ path: 'body.scann', message: 'is not known here' });
  expect(unknown.body.errors.map((fault: Answer) => fault.path)).toContain('body.plan');
  expect((await call('GET', '/runs?limit=0&offset=x')).body.errors.map((fault: Answer) => fault.path).sort()).toEqual([
    'query.limit',
    'query.offset',
  ]);
  expect((await call('GET', '/runs?limt=5')).status).toBe(400);

  const raw = async (payload: string, type = 'application/json') =>
    app.inject({ method: 'POST', url: '/triggers/people', headers: { ...bearer(API), 'content-type': type }, payload });
  expect((await raw('{"scan": ')).json()).toMatchObject({ status: 400, code: 'BAD_REQUEST' });
  expect((await raw('scan=full', 'application/x-www-form-urlencoded')).json()).toMatchObject({
    status: 415,
    code: 'UNSUPPORTED_TYPE',
  });
  expect((await raw(JSON.stringify({ scan: 'x'.repeat(300_000) }))).json()).toMatchObject({
    status: 413,
    code: 'TOO_LARGE',
  });
  expect((await raw('[]')).statusCode).toBe(400);
  expect((await raw('{"__proto__": {"scan": "full"}}')).statusCode).toBe(400);
});

test('a thing that does not exist is reported as such', async () => {
  const { call } = await world();
  for (const [method, url] of [
    ['GET', '/nothing'],
    ['GET', '/runs/nothing'],
    ['GET', '/runs/nothing/plan'],
    ['GET', '/queues/nothing'],
    ['GET', '/queues/scan/jobs/nothing'],
    ['POST', '/queues/scan/jobs/nothing/retry'],
    ['DELETE', '/queues/scan/jobs/nothing'],
    ['POST', '/queues/nothing/pause'],
    ['POST', '/triggers/nothing'],
    ['GET', '/mappings/nothing'],
    ['GET', '/links/nothing'],
    ['GET', '/records?mapping=nothing'],
    ['GET', '/records/people/nothing/1/explain'],
    ['GET', '/records/people/crm/1/explain'],
    ['GET', '/reviews?mapping=nothing'],
    ['POST', '/webhooks/nothing/key'],
  ] as const) {
    const { status, body, headers } = await call(method, url);
    expect({ url, status }).toEqual({ url, status: 404 });
    expect(headers['content-type']).toMatch(/^application\/problem\+json/);
    expect(body).toMatchObject({
      status: 404,
      title: expect.any(String),
      detail: expect.any(String),
      remedy: expect.any(String),
    });
  }
});

test('an unexpected error shows no internal details in the response, and goes to the log', async () => {
  const lines: { err?: Error }[] = [];
  const log = (fields: { err?: Error }) => void lines.push(fields);
  const logger = {
    level: 'info',
    fatal: log,
    error: log,
    warn: log,
    info: log,
    debug: log,
    trace: log,
    silent: log,
    child: () => logger,
  };
  const { call, engine } = await world({ logger: logger as never });
  engine.runs.get = async () => {
    throw new Error('secret-internals at /home/someone/engine/store/runs.ts');
  };
  const { status, body } = await call('GET', '/runs/x');
  expect(status).toBe(500);
  expect(body).toMatchObject({ code: 'INTERNAL' });
  expect(JSON.stringify(body)).not.toMatch(/secret-internals|\.ts|at \//);
  expect(lines.some((line) => line.err?.message.includes('secret-internals') && line.err.stack)).toBe(true);
});

test('the log holds no keys of webhooks and no tokens', async () => {
  const lines: string[] = [];
  const log = (fields: object) => void lines.push(JSON.stringify(fields));
  const logger = {
    level: 'trace',
    fatal: log,
    error: log,
    warn: log,
    info: log,
    debug: log,
    trace: log,
    silent: log,
    child: () => logger,
  };
  const { app } = await world({ logger: logger as never });
  await app.inject({
    method: 'POST',
    url: '/webhooks/crm/key-of-the-crm',
    payload: '{}',
    headers: { 'content-type': 'application/json' },
  });
  await app.inject({ url: '/runs', headers: bearer(API) });
  expect(lines.length).toBeGreaterThan(1);
  expect(lines.join('\n')).not.toMatch(/key-of-the-crm|api-token-of-the-test/);
});

test('the OpenAPI 3.1 document lists every route, each with its responses', async () => {
  const { app, call } = await world();
  const { status, body } = await call('GET', '/docs/json');
  expect(status).toBe(200);
  expect(body.openapi).toBe('3.1.0');
  const listed = Object.entries(body.paths).flatMap(([path, methods]) =>
    Object.keys(methods as object).map((method) => `${method.toUpperCase()} ${path}`),
  );
  expect(listed).toEqual(
    expect.arrayContaining([
      'GET /health/live',
      'GET /health/ready',
      'POST /triggers',
      'POST /triggers/{mapping}',
      'GET /runs',
      'GET /runs/{id}',
      'GET /runs/{id}/plan',
      'GET /queues',
      'GET /queues/{name}',
      'GET /queues/{name}/jobs',
      'GET /queues/{name}/jobs/{id}',
      'DELETE /queues/{name}/jobs/{id}',
      'POST /queues/{name}/jobs/{id}/retry',
      'POST /queues/{name}/retry',
      'POST /queues/{name}/promote',
      'POST /queues/{name}/discard',
      'POST /queues/{name}/drain',
      'POST /queues/{name}/jobs/{id}/promote',
      'GET /records/reasons',
      'GET /records/{mapping}/{side}/{id}/jobs',
      'POST /queues/{name}/pause',
      'POST /queues/{name}/resume',
      'GET /mappings',
      'GET /mappings/{name}',
      'POST /mappings/validate',
      'POST /mappings/{name}/preview',
      'GET /links/{mapping}',
      'POST /links/{mapping}',
      'DELETE /links/{mapping}',
      'GET /reviews',
      'POST /reviews/{id}/resolve',
      'GET /records',
      'POST /records/retry',
      'GET /records/{mapping}/{side}/{id}/explain',
      'POST /webhooks/{system}/{key}',
      'GET /metrics',
      'GET /events',
      'GET /errors',
      'GET /errors/{code}',
    ]),
  );
  const operations = Object.values(body.paths).flatMap((methods) => Object.values(methods as Answer)) as Answer[];
  const ids = operations.map((operation) => operation.operationId);
  expect(new Set(ids).size).toBe(operations.length);
  for (const operation of operations) {
    expect(operation.summary, operation.operationId).toBeTruthy();
    expect(Object.keys(operation.responses).some((code) => code.startsWith('2'))).toBe(true);
  }
  // Every reference leads somewhere.
  const text = JSON.stringify(body);
  for (const [, name] of text.matchAll(/"\$ref":"#\/components\/schemas\/([^"]+)"/g))
    expect(body.components.schemas[name ?? '']).toBeDefined();
  expect(text).not.toMatch(/"\$ref":"(?!#\/components)/);
  // Every route that Fastify has is one of those, or a page.
  const routes = app.printRoutes({ commonPrefix: false });
  for (const noun of [
    'triggers',
    'runs',
    'queues',
    'mappings',
    'links',
    'reviews',
    'records',
    'webhooks',
    'metrics',
    'events',
    'health',
  ])
    expect(routes).toContain(noun);
});

/** Addresses that a page loads, relative to it. */
const assets = (html: string): string[] =>
  [...html.matchAll(/(?:src|href)="([^"]+\.(?:js|css|svg|png|ico))"/g)].map(([, url]) => url ?? '');

test.each(['/queues/board', '/queues/board/', '/docs', '/docs/'])(
  'the page %s works without anything from elsewhere, under its content security policy',
  async (url) => {
    const { app } = await world();
    const page = await app.inject({ url, headers: basic(READ) });
    expect(page.statusCode).toBe(200);
    expect(page.headers['content-type']).toMatch(/^text\/html/);
    expect(page.body).not.toMatch(/(src|href)="(https?:)?\/\//);
    // No script within the page that would need 'unsafe-inline'; data is not executed.
    for (const [, attributes, code] of page.body.matchAll(/<script([^>]*)>([\s\S]*?)<\/script>/g)) {
      if (!attributes?.includes('application/json')) expect(code?.trim()).toBe('');
    }
    const policy = String(page.headers['content-security-policy']);
    expect(policy).toContain("script-src 'self'");
    expect(policy).not.toContain('unsafe-eval');
    const base = new URL(/<base href="([^"]*)"/.exec(page.body)?.[1] ?? '', `http://localhost${url}`);
    const found = assets(page.body);
    expect(found.length).toBeGreaterThan(2);
    for (const asset of found) {
      const address = new URL(asset, base).pathname;
      const answer = await app.inject({ url: address, headers: basic(READ) });
      expect({ address, status: answer.statusCode }).toEqual({ address, status: 200 });
      if (address.endsWith('.js')) expect(answer.headers['content-type']).toMatch(/javascript/);
      expect((await app.inject({ url: address })).statusCode).toBe(401);
    }
  },
);

test('the board shows all queues, also those of later mappings, and refuses to empty or obliterate one', async () => {
  const { app, engine, root, call } = await world();
  const queues = async () =>
    ((await app.inject({ url: '/queues/board/api/queues', headers: basic(READ) })).json() as Answer).queues.map(
      (queue: Answer) => queue.name,
    );
  expect(await queues()).toEqual(['scan', 'reconcile-people']);
  const { writeFile, readFile } = await import('node:fs/promises');
  await writeFile(
    `${root}/mappings/more.yaml`,
    (await readFile(`${root}/mappings/people.yaml`, 'utf8')).replace('mapping: people', 'mapping: more'),
  );
  await engine.config.reload();
  expect(await queues()).toEqual(['scan', 'reconcile-people', 'reconcile-more']);
  const put = async (path: string, token: string) =>
    (await app.inject({ method: 'PUT', url: `/queues/board/api${path}`, headers: basic(token) })).statusCode;
  expect(await put('/queues/scan/pause', READ)).toBe(403);
  expect(await put('/queues/scan/pause', API)).toBe(200);
  expect((await call('GET', '/queues/scan')).body.paused).toBe(true);
  expect(await put('/queues/scan/empty', API)).toBe(409);
  expect(await put('/queues/scan/obliterate', API)).toBe(409);
});

test('the root leads to the documents', async () => {
  const { app } = await world();
  const { statusCode, headers } = await app.inject({ url: '/' });
  expect({ statusCode, location: headers.location }).toEqual({ statusCode: 302, location: '/docs' });
});

test('a request with an address that cannot be decoded gets a problem document', async () => {
  const { app } = await world();
  const { statusCode, body, headers } = await app.inject({ url: '/runs/%zz', headers: bearer(READ) });
  expect(statusCode).toBe(400);
  expect(headers['content-type']).toMatch(/^application\/problem\+json/);
  expect(JSON.parse(body)).toMatchObject({ code: 'BAD_REQUEST', status: 400 });
});

test('response headers forbid browsers to guess types, show frames and cache', async () => {
  const { app } = await world();
  const { headers } = await app.inject({ url: '/health/live' });
  expect(headers).toMatchObject({ 'x-content-type-options': 'nosniff', 'x-frame-options': 'DENY' });
  expect(headers['cache-control']).toBe('no-store');
  expect(headers['x-powered-by']).toBeUndefined();
  expect(headers['request-id']).toBeTruthy();
});

test('requests work with any characters in an id', async () => {
  const { call } = await world();
  for (const id of ['a/b', 'ä ö', '..', 'x?y#z', `${randomBytes(60).toString('hex')}`]) {
    const { status, body } = await call('GET', `/records/people/crm/${encodeURIComponent(id)}/explain`);
    if (id !== '..') expect({ status, id: body.id }).toEqual({ status: 404, id });
  }
});

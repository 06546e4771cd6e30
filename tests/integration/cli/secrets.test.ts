// A whole Tandem is run with recognisable secrets against systems that repeat whatever they are sent; then everything that
// it said or stored is searched for them.
import { appendFile, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import Fastify, { type FastifyInstance } from 'fastify';
import { Redis } from 'ioredis';
import { afterEach, expect, test } from 'vitest';
import { closeAll, later } from '../../support/closing.ts';
import { dumpRedis } from '../../support/dump.ts';
import { redisUrl } from '../../support/redis.ts';
import { until } from '../../support/until.ts';
import { MAPPING } from '../server/support.ts';
import { badInputs, Inputs, operationsOf } from '../server/walk.ts';
import { ownPrefix, startTandem } from './support.ts';

afterEach(closeAll);

const ENV = {
  TANDEM_READ_TOKEN: 'canary-read-token',
  TANDEM_API_TOKEN: 'canary-api-token',
  TANDEM_WEBHOOK_SECRET: 'canary-webhook-secret',
  TANDEM_ENCRYPTION_KEY: 'canary-encryption-key,canary-former-key',
  CRM_CLIENT_SECRET: 'canary-client-secret',
  CRM_REFRESH_TOKEN: 'canary-refresh-token',
  // Names and values that nobody would take for a secret.
  SHOP_LOGIN: 'canary shop/"login"',
  SHOP_SIGNS: 'canary-signing',
};

/** Answers records, and failures that repeat the request with all its headers. */
async function parrot(define: (app: FastifyInstance, records: Map<string, object>) => void): Promise<string> {
  const records = new Map<string, object>();
  const app = Fastify({ forceCloseConnections: true });
  app.addContentTypeParser('application/x-www-form-urlencoded', { parseAs: 'string' }, (_, body, done) =>
    done(null, body),
  );
  app.get('/things', async () => [...records.values()]);
  app.get<{ Params: { id: string } }>(
    '/things/:id',
    async ({ params, headers }, reply) =>
      records.get(params.id) ?? reply.code(404).send({ message: JSON.stringify(headers) }),
  );
  app.route({
    method: ['POST', 'PATCH', 'DELETE'],
    url: '/things*',
    handler: async ({ headers, body, url }, reply) =>
      reply.code(url.length % 2 ? 422 : 400).send({
        message: `Not with ${headers.authorization ?? ''} ${headers['x-login'] ?? ''}`,
        errors: [{ field: 'name', message: JSON.stringify({ headers, body }) }],
      }),
  });
  define(app, records);
  later(() => app.close());
  return app.listen({ host: '127.0.0.1', port: 0 });
}

const things = (system: string): string => `
entities:
  things:
    schema: ${system}/things
    id: id
    modified: updated_at
    list: { path: /things, items: "", paging: { kind: none } }
    read: { path: "/things/{id}" }
    create: { path: /things, answer: record }
    update: { path: "/things/{id}", nested: merge, answer: record }
    delete: { path: "/things/{id}" }
    events: [thing.changed]
webhooks:
  signature: { header: X-Signature, secret: "\${SHOP_SIGNS}", format: timestamped }
  events: '{ "event": body.topic, "id": $string(body.id) }'
`;

async function configuration(): Promise<string> {
  const person = (id: string, name: string) => ({
    id,
    name,
    email: `p${id}@x.test`,
    updated_at: '2024-01-01T00:00:00Z',
  });
  let turn = 0;
  let crmUrl = '';
  crmUrl = await parrot((app, records) => {
    for (let i = 1; i <= 6; i++) records.set(String(i), person(String(i), `Name ${i}`));
    app.post('/token', async ({ body, headers }, reply) => {
      // Now and then it fails, and tells everything that it was sent.
      if (++turn % 3 === 1)
        return reply.code(400).send({ error: 'invalid_grant', error_description: `${headers.authorization} ${body}` });
      return {
        access_token: `canary-access-${turn}`,
        token_type: 'bearer',
        expires_in: 3600,
        refresh_token: `canary-rotated-${turn}`,
      };
    });
  });
  const shopUrl = await parrot((_, records) => records.set('s1', person('s1', 'Name s1')));
  const schema = JSON.stringify({
    type: 'object',
    required: ['name'],
    properties: {
      id: { type: 'string', readOnly: true },
      updated_at: { type: 'string', readOnly: true },
      name: { type: 'string', minLength: 1 },
      email: { type: ['string', 'null'] },
      note: { type: ['string', 'null'] },
      age: { type: ['integer', 'null'] },
    },
  });
  const root = await mkdtemp(join(tmpdir(), 'tandem-secrets-'));
  later(() => rm(root, { recursive: true, force: true }));
  const files = {
    'systems/crm.yaml': `system: crm\ndescription: x\nbaseUrl: ${crmUrl}\nauth:\n  kind: oauth2\n  tokenUrl: ${crmUrl}/token\n  clientId: me\n  clientSecret: \${CRM_CLIENT_SECRET}\n  refreshToken: \${CRM_REFRESH_TOKEN}\n${things('crm')}`,
    'systems/shop.yaml': `system: shop\ndescription: x\nbaseUrl: ${shopUrl}\nauth: { kind: header, header: X-Login, value: "\${SHOP_LOGIN}" }\n${things('shop')}`,
    'schemas/crm/things.schema.json': schema,
    'schemas/shop/things.schema.json': schema,
    'mappings/people.yaml': MAPPING,
  };
  for (const [name, text] of Object.entries(files)) {
    await mkdir(dirname(join(root, name)), { recursive: true });
    await writeFile(join(root, name), text);
  }
  return root;
}

test('no secret is in the log, in a response, in metrics, on the board, in an event or in Redis', async () => {
  const prefix = ownPrefix();
  const root = await configuration();
  const running = await startTandem('start', {
    ...ENV,
    REDIS_URL: redisUrl(),
    TANDEM_PREFIX: prefix,
    TANDEM_PORT: '0',
    TANDEM_CONFIG: root,
    TANDEM_LOG_LEVEL: 'debug',
  });
  const base = running.ready.url as string;
  const said: string[] = [];
  const call = async (method: string, url: string, payload?: string | Buffer, headers: Record<string, string> = {}) => {
    const response = await fetch(`${base}${url}`, {
      method,
      headers: { authorization: `Bearer ${ENV.TANDEM_API_TOKEN}`, ...headers },
      ...(payload === undefined ? {} : { body: payload }),
    });
    const text = await response.text();
    said.push(`${url}\n${JSON.stringify([...response.headers])}\n${text}`);
    return { status: response.status, text };
  };
  const json = { 'content-type': 'application/json' };

  const events = new AbortController();
  const listened = fetch(`${base}/events`, {
    headers: { authorization: `Bearer ${ENV.TANDEM_READ_TOKEN}` },
    signal: events.signal,
  })
    .then(async (response) => {
      for await (const part of response.body as AsyncIterable<Uint8Array>) said.push(Buffer.from(part).toString());
    })
    .catch(() => {});

  // Work that succeeds and work that the systems refuse, repeating their credentials.
  const { id } = JSON.parse((await call('POST', '/triggers/people', '{"scan":"full"}', json)).text) as { id: string };
  await until(async () => /"state":"(done|failed)"/.test((await call('GET', `/runs/${id}`)).text), 60_000);
  const failed = JSON.parse((await call('GET', '/records?limit=500')).text) as { total: number };
  expect(failed.total).toBeGreaterThan(3);
  await until(() =>
    running.log.some((line) => line.includes('refused the OAuth2 refresh token') || line.includes('reconciled')),
  );

  // The whole surface, with good and bad input that takes nothing away.
  const document = JSON.parse((await call('GET', '/docs/json')).text);
  const inputs = new Inputs(document, {
    mapping: 'people',
    side: 'crm',
    id: '1',
    system: 'crm',
    key: 'wrong',
    code: 'SYSTEM_REJECTED',
    cursor: '0',
    name: 'reconcile-people',
    yaml: MAPPING,
    body: {},
    before: '2030-01-01T00:00:00Z',
    'getMapping.name': 'people',
    'getRun.id': id,
    'getPlan.id': id,
  });
  for (const operation of operationsOf(document)) {
    const stream = Object.hasOwn(operation.responses['200']?.content ?? {}, 'text/event-stream');
    if (stream || (operation.method !== 'GET' && operation.id !== 'webhook')) continue;
    const requests = [await inputs.request(operation)];
    for (const { changes } of await badInputs(inputs, operation))
      requests.push(await inputs.request(operation, changes));
    for (const { method, url, headers, payload } of requests) await call(method, url, payload, { ...headers });
  }
  await call('POST', '/mappings/people/preview', '{"side":"crm","id":"nothing"}', json);
  await call(
    'POST',
    '/mappings/validate',
    JSON.stringify({ yaml: MAPPING.replace('conflict: latest', 'conflict: nonsense') }),
    json,
  );
  for (const page of [
    '/queues/board',
    '/queues/board/api/queues?activeQueue=reconcile-people&status=failed&page=1&jobsPerPage=50',
  ])
    await call('GET', page);
  await call('GET', '/runs', undefined, { authorization: 'Bearer canary-not-this-one'.slice(0, 20) });
  // Files with faults in the places of secrets.
  await appendFile(
    join(root, 'systems/shop.yaml'),
    `\nheaders: { X-Api-Key: "literal-secret-in-a-file" }\nnonsense: "\${SHOP_LOGIN}"\n`,
  );
  await until(async () => (await call('GET', '/health/ready')).text.includes('CONFIG_'));
  await call('GET', '/mappings');
  await call('GET', '/metrics');

  events.abort();
  await listened;
  const redis = new Redis(redisUrl());
  const stored = await dumpRedis(redis, prefix);
  redis.disconnect();
  running.child.kill('SIGTERM');
  await running.ended;

  const canary = /canary[ -](?!not)[\w /"\\-]{0,20}/g;
  const encoded = Object.values(ENV).flatMap((secret) => [
    Buffer.from(secret).toString('base64').slice(4, -4),
    encodeURIComponent(secret),
    Buffer.from(`me:${secret}`).toString('base64').slice(4, -4),
  ]);
  const leaks = (texts: readonly string[]): string[] =>
    texts.flatMap((text) => [
      ...[...text.matchAll(canary)].map(([found]) => `${found} in ${text.slice(0, 200)}`),
      ...encoded
        .filter((one) => one.length > 8 && text.includes(one))
        .map((found) => `${found} in ${text.slice(0, 200)}`),
      ...(text.includes('literal-secret-in-a-file') ? [`a literal secret in ${text.slice(0, 200)}`] : []),
    ]);
  expect(running.log.length).toBeGreaterThan(20);
  expect(leaks(running.log)).toEqual([]);
  expect(leaks(running.stdout)).toEqual([]);
  expect(said.length).toBeGreaterThan(300);
  expect(leaks(said)).toEqual([]);
  expect(stored.some(({ key }) => key.endsWith(':oauth'))).toBe(true);
  expect(leaks(stored.flatMap(({ key, texts }) => [key, ...texts]))).toEqual([]);
}, 180_000);

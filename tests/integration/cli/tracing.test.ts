// Traces go from the request that queued work through its jobs to the calls to systems, over processes; and a collector
// that cannot be reached disturbs nothing.
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Redis } from 'ioredis';
import { afterEach, expect, it } from 'vitest';
import { webhookKeys } from '../../../engine/queue/registration.ts';
import { closeAll, later } from '../../support/closing.ts';
import { redisUrl } from '../../support/redis.ts';
import { until } from '../../support/until.ts';
import { configFolder, freePort, ownPrefix, standIns, startTandem } from './support.ts';

afterEach(closeAll);

const SERVER = 2;
const CLIENT = 3;
const PRODUCER = 4;
const CONSUMER = 5;

interface Span {
  readonly name: string;
  readonly kind: number;
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly attributes: readonly { key: string; value: Record<string, unknown> }[];
}

/** Takes traces as OTLP over HTTP, in JSON. */
async function receiver() {
  const spans: Span[] = [];
  const bodies: string[] = [];
  const server = createServer(async (request, response) => {
    let text = '';
    for await (const part of request) text += part;
    bodies.push(text);
    for (const { resource, scopeSpans } of JSON.parse(text).resourceSpans) {
      expect(JSON.stringify(resource)).toContain('"tandem"');
      for (const scope of scopeSpans) spans.push(...scope.spans);
    }
    response.setHeader('content-type', 'application/json').end('{}');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  later(async () => {
    server.closeAllConnections();
    server.close();
  });
  return { spans, bodies, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
}

const attribute = ({ attributes }: Span, name: string): unknown =>
  Object.values(attributes.find(({ key }) => key === name)?.value ?? {})[0];

async function done(url: string, run: string): Promise<void> {
  await until(
    async () => ((await (await fetch(`${url}/runs/${run}`)).json()) as { state: string }).state === 'done',
    60_000,
  );
}

it('one trace leads from a request over its jobs in another process to the writes, and holds no data and no secret', async () => {
  const { env: systems } = await standIns();
  const { spans, bodies, url: endpoint } = await receiver();
  const prefix = ownPrefix();
  const common = {
    ...systems,
    REDIS_URL: redisUrl(),
    TANDEM_PREFIX: prefix,
    TANDEM_CONFIG: await configFolder('product-product'),
    TANDEM_WEBHOOK_SECRET: 'secret-of-webhooks',
    OTEL_EXPORTER_OTLP_ENDPOINT: endpoint,
  };
  const server = await startTandem('server', { ...common, TANDEM_PORT: '0', OTEL_BSP_SCHEDULE_DELAY: '50' });
  // What it has not sent by then goes out when it ends.
  const worker = await startTandem('worker', { ...common, OTEL_BSP_SCHEDULE_DELAY: '3600000' });
  const { url = '' } = server.ready;
  const answer = await fetch(`${url}/triggers/product-product`, { method: 'POST' });
  const { id: run } = (await answer.json()) as { id: string };
  await done(url, run);

  const redis = new Redis(redisUrl());
  later(async () => redis.disconnect());
  const key = (await webhookKeys(redis, prefix, 'secret-of-webhooks'))('keap');
  const listed = await fetch(`${systems.KEAP_BASE_URL}/v2/products`, {
    headers: { 'x-keap-api-key': systems.KEAP_API_KEY },
  });
  const { products } = (await listed.json()) as { products: { id: string; product_name: string }[] };
  expect(products.length).toBeGreaterThan(1);
  const event = { event_key: 'product.edit', object_keys: [{ id: products[0]?.id }] };
  const hook = await fetch(`${url}/webhooks/keap/${key}`, { method: 'POST', body: JSON.stringify(event) });
  expect(await hook.json()).toEqual({ queued: 1 });
  await until(() => worker.log.some((line) => line.includes('"unchanged"')));

  // Too many to be queued at once: they are set aside first. Nobody knows them, which is soon found.
  const many = Array.from({ length: 30 }, (_, i) => ({ id: String(900_000 + i) }));
  const burst = await fetch(`${url}/webhooks/keap/${key}`, {
    method: 'POST',
    body: JSON.stringify({ event_key: 'product.edit', object_keys: many }),
  });
  expect(await burst.json()).toEqual({ queued: many.length });
  await until(() => worker.log.filter((line) => line.includes('"missing"')).length === many.length);

  worker.child.kill('SIGTERM');
  expect(await worker.ended).toEqual({ status: 0, signal: null });
  server.child.kill('SIGTERM');
  expect(await server.ended).toEqual({ status: 0, signal: null });

  const [request] = spans.filter(({ name }) => name === 'POST /triggers/:mapping');
  expect(request).toMatchObject({ kind: SERVER });
  expect(request?.parentSpanId).toBeUndefined();
  const below = (name: string, kind: number): Span[] =>
    spans.filter((span) => span.traceId === request?.traceId && span.kind === kind && span.name === name);
  const [queued] = below('add scan.scan', PRODUCER);
  expect(queued?.parentSpanId).toBe(request?.spanId);
  const [scan] = below('process scan', CONSUMER);
  expect(scan?.parentSpanId).toBe(queued?.spanId);
  expect(attribute(scan!, 'tandem.run')).toBe(run);
  expect(below('GET /v2/products', CLIENT).length).toBeGreaterThan(0);
  const jobs = below('process reconcile-product-product', CONSUMER);
  expect(jobs.length).toBeGreaterThan(0);
  const [write] = below('POST /products', CLIENT);
  expect(jobs.map(({ spanId }) => spanId)).toContain(write?.parentSpanId);
  expect(attribute(write!, 'http.response.status_code')).toBe(201);
  expect(attribute(write!, 'tandem.system')).toBe('customwebshop');
  expect(attribute(write!, 'tandem.operation')).toBe('create');
  const job = jobs.find(({ spanId }) => spanId === write?.parentSpanId)!;
  expect(attribute(job, 'tandem.outcome')).toBe('created');
  expect(attribute(job, 'tandem.mapping')).toBe('product-product');

  const [webhook, large] = spans.filter(({ name }) => name === 'POST /webhooks/:system/:key');
  expect(
    spans.filter(({ traceId, name }) => traceId === large?.traceId && name === 'process reconcile-product-product'),
  ).toHaveLength(many.length);
  expect(spans.filter(({ traceId }) => traceId === webhook?.traceId).map(({ name }) => name)).toEqual(
    expect.arrayContaining(['process reconcile-product-product', 'GET /v2/products/{id}']),
  );

  // A line of the log names its trace.
  expect(worker.log.some((line) => line.includes(`"trace":"${request?.traceId}"`))).toBe(true);
  const all = bodies.join('\n');
  for (const secret of [systems.KEAP_API_KEY, systems.SHOP_TOKEN, 'secret-of-webhooks', key!])
    expect(all).not.toContain(secret);
  for (const { product_name } of products) expect(all).not.toContain(product_name);
  expect(spans.filter(({ kind, name }) => kind === CLIENT && /\?|\/\d+/.test(name))).toEqual([]);
  // Housekeeping of queues would be most of it.
  expect(spans.filter(({ kind }) => ![SERVER, CLIENT, PRODUCER, CONSUMER].includes(kind))).toEqual([]);
}, 180_000);

it('a collector that cannot be reached disturbs nothing', async () => {
  const { env: systems } = await standIns();
  const running = await startTandem('start', {
    ...systems,
    REDIS_URL: redisUrl(),
    TANDEM_PREFIX: ownPrefix(),
    TANDEM_PORT: '0',
    TANDEM_CONFIG: await configFolder('product-product'),
    OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${await freePort()}`,
    OTEL_BSP_SCHEDULE_DELAY: '20',
    OTEL_EXPORTER_OTLP_TIMEOUT: '500',
  });
  const { url = '' } = running.ready;
  const answer = await fetch(`${url}/triggers/product-product`, { method: 'POST' });
  await done(url, ((await answer.json()) as { id: string }).id);
  const reported = (): string[] => running.log.filter((line) => line.includes('traces cannot be delivered'));
  await until(() => reported().length > 0);
  expect((await fetch(`${url}/health/ready`)).status).toBe(200);
  running.child.kill('SIGTERM');
  expect(await running.ended).toEqual({ status: 0, signal: null });
  expect(reported()).toHaveLength(1);
}, 180_000);

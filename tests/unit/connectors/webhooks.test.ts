// Webhooks in: handshakes, signatures, events.
import { createHmac } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import type { SignatureConfig, WebhookConfig } from '../../../engine/config/types.ts';
import { verifyWebhook } from '../../../engine/connectors/http/webhooks.ts';
import { compileExpression } from '../../../engine/expression/compile.ts';

const NOW = 1_760_000_000_000;
const SECRET = 'hook-secret';
const rawBody = Buffer.from(JSON.stringify({ topic: 'customer.updated', resource_id: 7 }));
const hmac = (content: string, secret = SECRET) => createHmac('sha256', secret).update(content);

/** Stands for the compiled expression `{ "event": body.topic, "id": body.resource_id }`. */
const events: WebhookConfig['events'] = {
  source: '',
  evaluate: async (input) => {
    const { body } = input as { body: { topic: string; resource_id: unknown; many?: unknown } };
    return body.many ?? { event: body.topic, id: body.resource_id };
  },
};
const config = (more: Partial<WebhookConfig>): WebhookConfig => ({
  events,
  handshake: undefined,
  signature: undefined,
  register: undefined,
  ...more,
});
const signed = (format: SignatureConfig['format']): WebhookConfig =>
  config({ signature: { header: 'X-Signature', secret: SECRET, format, tolerance: 300_000 } });
const verify = (given: WebhookConfig, headers: Record<string, string | string[]>, body = rawBody) =>
  verifyWebhook(given, { headers, rawBody: body, now: NOW });

const GOOD = { kind: 'events', events: [{ event: 'customer.updated', id: '7' }] };
const stamped = (seconds: number, secret = SECRET) =>
  `t=${seconds},v1=${hmac(`${seconds}.${rawBody.toString()}`, secret).digest('hex')}`;

describe('signatures', () => {
  test.each([
    ['hex', hmac(rawBody.toString()).digest('hex')],
    ['hex', `sha256=${hmac(rawBody.toString()).digest('hex').toUpperCase()}`],
    ['base64', hmac(rawBody.toString()).digest('base64')],
    ['timestamped', stamped(NOW / 1000)],
    ['timestamped', stamped(NOW / 1000 - 299)],
    ['timestamped', `${stamped(NOW / 1000, 'old')},${stamped(NOW / 1000).slice(13)}`],
  ] as const)('%s %s is good', async (format, header) => {
    await expect(verify(signed(format), { 'x-signature': header })).resolves.toEqual(GOOD);
  });

  test.each([
    ['hex', ''],
    ['hex', 'abc'],
    ['hex', hmac(rawBody.toString(), 'other').digest('hex')],
    ['hex', hmac(`${rawBody.toString()} `).digest('hex')],
    ['base64', hmac(rawBody.toString()).digest('hex')],
    ['timestamped', stamped(NOW / 1000 - 301)],
    ['timestamped', stamped(NOW / 1000 + 301)],
    ['timestamped', stamped(NOW / 1000).replace(/^t=\d+/, `t=${NOW / 1000 - 1}`)],
    ['timestamped', `t=${NOW / 1000}`],
    ['timestamped', `t=${'9'.repeat(40)},v1=00`],
    ['timestamped', 't=,v1='],
  ] as const)('%s %s is refused', async (format, header) => {
    await expect(verify(signed(format), { 'x-signature': header })).rejects.toMatchObject({ code: 'UNAUTHORIZED' });
    await expect(verify(signed(format), {})).rejects.toMatchObject({ code: 'UNAUTHORIZED' });
  });
});

test('a handshake is answered with what it brought', async () => {
  const keap = config({ handshake: 'X-Hook-Secret' });
  await expect(verify(keap, { 'x-hook-secret': 'abc' }, Buffer.alloc(0))).resolves.toEqual({
    kind: 'handshake',
    header: 'X-Hook-Secret',
    value: 'abc',
  });
  await expect(verify(keap, {})).resolves.toEqual(GOOD);
});

test('an id keeps all its digits', async () => {
  const written = config({ events: compileExpression('{ "event": body.topic, "id": $string(body.resource_id) }') });
  const body = Buffer.from('{"topic":"customer.updated","resource_id":12345678901234567890}');
  for (const given of [config({}), written])
    await expect(verify(given, {}, body)).resolves.toMatchObject({
      events: [{ event: 'customer.updated', id: '12345678901234567890' }],
    });
});

test('a body of very many values is refused before any expression sees it', async () => {
  let seen = 0;
  const counting = config({ events: { source: '', evaluate: async () => void seen++ } });
  const body = (length: number) => Buffer.from(JSON.stringify(new Array(length).fill(0)));
  await verify(counting, {}, body(49_999));
  expect(seen).toBe(1);
  for (const more of [body(50_000), Buffer.from(`${'['.repeat(200)}${']'.repeat(200)}`)])
    await expect(verify(counting, {}, more)).rejects.toMatchObject({ code: 'TOO_LARGE' });
  expect(seen).toBe(1);
});

test('equal events are read once, unusable ones are ignored, and a body that is no JSON is refused', async () => {
  const body = (many: unknown) => Buffer.from(JSON.stringify({ many }));
  const all = [
    { event: 'a', id: 1 },
    { event: 'a', id: '1' },
    { event: 'b', id: 'x' },
    { event: 'c' },
    { id: 4 },
    'text',
  ];
  await expect(verify(config({}), {}, body(all))).resolves.toMatchObject({
    events: [
      { event: 'a', id: '1' },
      { event: 'b', id: 'x' },
    ],
  });
  await expect(verify(config({}), {}, body([]))).resolves.toMatchObject({ events: [] });
  await expect(verify(config({}), {}, Buffer.from('<html>'))).rejects.toMatchObject({ code: 'BAD_REQUEST' });
  await expect(verify(config({}), {}, Buffer.from([0xff, 0xfe]))).rejects.toMatchObject({ code: 'BAD_REQUEST' });
});

test('ids by which no record can be read are passed over: what names them may be made up, and would be kept', async () => {
  const ids = ['x'.repeat(500), 'x'.repeat(501), 'x'.repeat(900_000), '.', '..', '...'];
  const many = ids.map((id) => ({ event: 'customer.updated', id }));
  const { events: found } = (await verify(config({}), {}, Buffer.from(JSON.stringify({ many })))) as typeof GOOD;
  expect(found.map(({ id }) => id)).toEqual(['x'.repeat(500), '...']);
});

/** Webhooks in: is this request from the system, and which records does it name? */
import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import type { SignatureConfig, WebhookConfig } from '../../config/types.ts';
import { TandemError } from '../../errors.ts';
import { MAX_NESTING, MAX_VALUES } from '../../expression/limits.ts';
import { sizeOf } from '../../expression/size.ts';
import { parseJson } from '../../json.ts';
import { isObject } from './read-path.ts';
import { type Headers, headerOf } from './response.ts';
import { toId } from './to-record.ts';

export { createWebhookRegistrar, type RegisterCounts, type WebhookRegistrar } from './registrar.ts';

export interface WebhookRequest {
  /** Names in lower case, as Node gives them. */
  readonly headers: Headers;
  /** The bytes as they came: a signature covers these, not what they parse to. */
  readonly rawBody: Buffer;
  /** Epoch milliseconds. */
  readonly now: number;
}

export interface WebhookEvent {
  readonly event: string;
  readonly id: string;
}

export type VerifiedWebhook =
  /** Answer 200 with this header. */
  | { readonly kind: 'handshake'; readonly header: string; readonly value: string }
  | { readonly kind: 'events'; readonly events: readonly WebhookEvent[] };

/** A longer one is no id of a record: it could not be asked for over HTTP, and would be kept in Redis as long as its job. */
const LONGEST_ID = 500;

/** @throws TandemError UNAUTHORIZED where the signature is missing, wrong or too old; BAD_REQUEST where the body is no JSON, TOO_LARGE where it holds too much */
export async function verifyWebhook(config: WebhookConfig, request: WebhookRequest): Promise<VerifiedWebhook> {
  const secret = config.handshake === undefined ? undefined : headerOf(request.headers, config.handshake);
  if (config.handshake !== undefined && secret !== undefined && secret !== '') {
    return { kind: 'handshake', header: config.handshake, value: secret };
  }
  if (config.signature !== undefined && !isSigned(config.signature, request)) {
    throw new TandemError('UNAUTHORIZED', 'The signature of the webhook is missing, wrong or too old');
  }
  const body = parse(request.rawBody);
  if (sizeOf(body, MAX_VALUES) !== 'fits')
    throw new TandemError('TOO_LARGE', `A webhook may hold ${MAX_VALUES} values, nested ${MAX_NESTING} levels deep`);
  const result = await config.events.evaluate({ body, headers: request.headers });
  // JSONata answers one result as itself, none as undefined.
  const found: unknown[] = Array.isArray(result) ? result : result === undefined || result === null ? [] : [result];
  const events: WebhookEvent[] = [];
  const seen = new Set<string>();
  for (const item of found) {
    if (!isObject(item)) continue;
    const id = toId(item.id);
    if (typeof item.event !== 'string' || item.event === '' || id === undefined) continue;
    // No record can be read by these.
    if (id.length > LONGEST_ID || id === '.' || id === '..') continue;
    const key = JSON.stringify([item.event, id]);
    if (!seen.has(key)) events.push({ event: item.event, id });
    seen.add(key);
  }
  return { kind: 'events', events };
}

function parse(rawBody: Buffer): unknown {
  try {
    return parseJson(new TextDecoder('utf-8', { fatal: true }).decode(rawBody));
  } catch {
    throw new TandemError('BAD_REQUEST', 'The body of the webhook is no JSON');
  }
}

function isSigned(config: SignatureConfig, { headers, rawBody, now }: WebhookRequest): boolean {
  const given = headerOf(headers, config.header)?.trim() ?? '';
  if (given === '') return false;
  switch (config.format) {
    case 'hex':
      return same(given.replace(/^sha256=/i, '').toLowerCase(), digest(config.secret, rawBody).toString('hex'));
    case 'base64':
      return same(given.replace(/^sha256=/i, ''), digest(config.secret, rawBody).toString('base64'));
    case 'timestamped': {
      const parts = given.split(',').map((part) => part.trim());
      const time = parts.find((part) => part.startsWith('t='))?.slice(2) ?? '';
      if (!/^\d{1,12}$/.test(time) || Math.abs(now - Number(time) * 1000) > config.tolerance) return false;
      const expected = digest(config.secret, Buffer.concat([Buffer.from(`${time}.`), rawBody])).toString('hex');
      // Several signatures stand there while a secret is being changed; all are compared, to take the same time.
      const matches = parts
        .filter((part) => part.startsWith('v1='))
        .map((part) => same(part.slice(3).toLowerCase(), expected));
      return matches.includes(true);
    }
  }
}

function digest(secret: string, content: Buffer): Buffer {
  return createHmac('sha256', secret).update(content).digest();
}

/** In constant time, whatever the lengths: hashes of both are compared. */
function same(a: string, b: string): boolean {
  const hash = (text: string): Buffer => createHash('sha256').update(text).digest();
  return timingSafeEqual(hash(a), hash(b));
}

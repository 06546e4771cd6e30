// What answers mean, and what their messages may say.
import { describe, expect, test } from 'vitest';
import type { QuotaConfig } from '../../../engine/config/types.ts';
import {
  type FailedResponse,
  failureOf,
  quotaWait,
  redact,
  retryAfterOf,
  valuesOf,
  wordsOf,
} from '../../../engine/connectors/http/response.ts';
import { networkFailure } from '../../../engine/connectors/network.ts';

const NOW = Date.parse('2026-03-01T00:00:00Z');
const failure = (more: Partial<FailedResponse>): FailedResponse => ({
  system: 'keap',
  entity: 'companies',
  effect: 'read',
  single: true,
  status: 500,
  headers: {},
  body: undefined,
  throttled: false,
  page: false,
  messageAt: undefined,
  conditional: false,
  transient: [],
  secrets: [],
  now: NOW,
  ...more,
});
describe('codes', () => {
  test.each<[Partial<FailedResponse>, string]>([
    [{ status: 429 }, 'SYSTEM_THROTTLED'],
    [{ status: 500, throttled: true, effect: 'create' }, 'SYSTEM_THROTTLED'],
    [{ status: 401 }, 'SYSTEM_AUTH'],
    [{ status: 404 }, 'SYSTEM_NOT_FOUND'],
    [{ status: 410, effect: 'update' }, 'SYSTEM_NOT_FOUND'],
    [{ status: 404, single: false }, 'SYSTEM_BAD_RESPONSE'],
    [{ status: 404, single: false, effect: 'create' }, 'SYSTEM_REJECTED'],
    [{ status: 412, effect: 'update', conditional: true }, 'RECORD_CHANGED'],
    [{ status: 409, effect: 'update', conditional: true }, 'RECORD_CHANGED'],
    [{ status: 409, effect: 'create', single: false }, 'SYSTEM_REFUSED'],
    [{ status: 408, effect: 'create', single: false }, 'OUTCOME_UNKNOWN'],
    ...[402, 403, 405, 407, 408, 413, 423, 425].map((status): [Partial<FailedResponse>, string] => [
      { status, effect: 'update' },
      'SYSTEM_REFUSED',
    ]),
    [{ status: 404, page: true }, 'SYSTEM_REFUSED'],
    [{ status: 400, page: true, effect: 'create' }, 'SYSTEM_REFUSED'],
    [{ status: 401, page: true }, 'SYSTEM_AUTH'],
    [{ status: 400 }, 'SYSTEM_REJECTED'],
    [{ status: 409, effect: 'create', transient: [409] }, 'SYSTEM_UNAVAILABLE'],
    [{ status: 422, effect: 'create' }, 'SYSTEM_REJECTED'],
    [{ status: 500 }, 'SYSTEM_UNAVAILABLE'],
    [{ status: 503, effect: 'create' }, 'OUTCOME_UNKNOWN'],
    [{ status: 503, effect: 'update' }, 'SYSTEM_UNAVAILABLE'],
    [{ status: 503, effect: 'delete' }, 'SYSTEM_UNAVAILABLE'],
    [{ status: 302 }, 'SYSTEM_BAD_RESPONSE'],
    [{ status: 303, effect: 'create' }, 'OUTCOME_UNKNOWN'],
  ])('%j', (given, code) => {
    const error = failureOf(failure(given));
    expect(error.code).toBe(code);
    expect(error.context.status).toBe(given.status);
  });

  const EFFECTS = ['read', 'create', 'update', 'delete'] as const;

  test.each<[string, Partial<FailedResponse>, 'later' | 'quota']>([
    ...[401, 402, 403, 405, 407, 408, 409, 413, 423, 425, 500, 502, 503, 504, 507, 522, 529].map(
      (status) => [String(status), { status }, 'later'] as [string, Partial<FailedResponse>, 'later'],
    ),
    ['429', { status: 429 }, 'quota'],
    ...[400, 403, 404, 405, 422, 451, 500].map(
      (status) =>
        [`a web page with ${status}`, { status, page: true }, 'later'] as [string, Partial<FailedResponse>, 'later'],
    ),
  ])('%s is tried again automatically, whatever was asked for', (_, given, retry) => {
    for (const effect of EFFECTS)
      for (const single of [true, false]) {
        const error = failureOf(failure({ ...given, effect, single }));
        // A create of which it is not known whether it was done is looked for before it is tried again.
        expect([effect, error.retry]).toEqual([effect, error.code === 'OUTCOME_UNKNOWN' ? 'unknown' : retry]);
        if (error.code === 'OUTCOME_UNKNOWN') expect(effect).toBe('create');
      }
  });

  test.each([400, 406, 411, 414, 415, 422, 428, 431, 451])(
    '%i waits for an edit, or for the next full scan',
    (status) => {
      for (const effect of EFFECTS)
        expect(failureOf(failure({ status, effect }))).toMatchObject({ code: 'SYSTEM_REJECTED', retry: 'never' });
    },
  );

  test.each([
    ['create', 'ECONNREFUSED', 'SYSTEM_UNREACHABLE'],
    ['create', 'UND_ERR_CONNECT_TIMEOUT', 'SYSTEM_UNREACHABLE'],
    ['create', 'ECONNRESET', 'OUTCOME_UNKNOWN'],
    ['create', 'UND_ERR_HEADERS_TIMEOUT', 'OUTCOME_UNKNOWN'],
    ['update', 'UND_ERR_SOCKET', 'SYSTEM_UNAVAILABLE'],
    ['delete', 'UND_ERR_BODY_TIMEOUT', 'SYSTEM_UNAVAILABLE'],
    ['read', 'ECONNRESET', 'SYSTEM_UNREACHABLE'],
  ] as const)('%s with %s', (effect, code, expected) => {
    const cause = Object.assign(new Error('x'), { code });
    expect(networkFailure(effect, 's', 'e', new Error('fetch failed', { cause })).code).toBe(expected);
  });
});

describe('words', () => {
  test.each([
    [
      { message: 'The customer is not valid.', errors: [{ field: 'email', message: 'is required' }] },
      'The customer is not valid.; email: is required',
    ],
    [
      { code: '400', message: 'Bad', status: 'X', details: [{ domain: 'region_code', resource: 'unknown' }] },
      'Bad; region_code: unknown',
    ],
    [{ code: '429', message: 'Quota Exceeded', details: null }, 'Quota Exceeded'],
    // An error whose code and resource are numbers.
    [{ code: 400, message: 'Bad', status: 'X', details: [{ domain: 'contacts', resource: 7 }] }, 'Bad; contacts: 7'],
    [{ errors: { name: ['is short', 'is odd'] } }, 'name: is short, is odd'],
    [{ errors: ['one', { message: 'two' }, 3, null] }, 'one; two'],
    [undefined, ''],
    [[], ''],
    [null, ''],
  ])('%j', (body, words) => {
    expect(wordsOf(body)).toBe(words);
  });

  test('are found where the system file says', () => {
    const body = { fault: { faultstring: 'Spike arrest violation' }, error: 'fault' };
    expect(wordsOf(body)).toBe('fault');
    expect(wordsOf(body, 'fault.faultstring')).toBe('Spike arrest violation');
    expect(wordsOf({ message: 'Bad' }, 'fault.faultstring')).toBe('Bad');
  });

  test.each([
    ['as it is', (secret: string) => secret],
    ['within JSON', (secret: string) => JSON.stringify({ said: secret })],
    ['within JSON within JSON', (secret: string) => JSON.stringify({ said: JSON.stringify({ secret }) })],
    ['within an address', (secret: string) => `/login?key=${encodeURIComponent(secret)}`],
    ['where the reading ends', (secret: string) => `${'x '.repeat(1_990)}${secret}`.slice(0, 6_000)],
    [
      'where the reading ends, after much that goes',
      (secret: string) => `${'GONE-COMPLETELY '.repeat(249)}${secret}${secret}`,
    ],
  ])('hold no part of a secret that a response repeats %s', (_, repeat) => {
    const secret = 'canary "one" /two\\ three&four-and-a-long-tail-of-it';
    const { message } = failureOf(
      failure({ status: 422, body: { message: repeat(secret) }, secrets: [secret, 'GONE-COMPLETELY '] }),
    );
    expect(message).not.toMatch(/canary|one|two|three|four|tail/);
  });

  test('hold no secret, no value that was sent, no control characters, and at most 500 characters', () => {
    const body = {
      message: `key SECRET-KEY-1, Bearer abcdefghijkl, 'Miller & Sons' by jo@x.org\u001b[31m ${'z'.repeat(900)}`,
    };
    const sent = { company_name: 'Miller & Sons', nested: [{ note: 'company_name' }] };
    const { message } = failureOf(failure({ status: 422, body, secrets: ['SECRET-KEY-1', ...valuesOf(sent)] }));
    expect(message).not.toMatch(/SECRET|abcdefghijkl|Miller|jo@x/);
    expect(message).not.toContain('\u001b');
    expect(message.length).toBe(500);
  });

  test('names of properties stay readable', () => {
    expect(redact('company_name is too long', valuesOf({ company_name: 'x', note: 'company_name' }))).toBe(
      'company_name is too long',
    );
  });

  test('an answer without words gives its status', () => {
    expect(failureOf(failure({ status: 403 })).message).toBe('keap refuses this for now (403 Forbidden)');
    expect(failureOf(failure({ status: 599 })).message).toBe('keap failed (599)');
  });
});

const quota = (more: Partial<QuotaConfig>): QuotaConfig => ({
  remaining: 'X-Left',
  part: undefined,
  reset: undefined,
  window: undefined,
  ...more,
});

describe('waiting', () => {
  test.each([
    ['3', 3_000],
    ['0.5', 500],
    [new Date(NOW + 90_000).toUTCString(), 90_000],
    [new Date(NOW - 90_000).toUTCString(), 0],
    ['999999999', 86_400_000],
    ['soon', undefined],
    ['', undefined],
  ])('lasts as long as Retry-After %j says', (value, ms) => {
    expect(retryAfterOf({ 'retry-after': value }, NOW)).toBe(ms);
  });

  test.each([
    [{ 'x-left': '5' }, undefined],
    [{}, undefined],
    [{ 'x-left': 'many' }, undefined],
    [{ 'x-left': '0' }, 60_000],
    [{ 'x-left': '0', 'x-reset': String(NOW + 5_000) }, 5_000],
    [{ 'x-left': '-1', 'x-reset': String((NOW + 5_000) / 1000) }, 5_000],
    [{ 'x-left': '0', 'x-reset': new Date(NOW + 7_000).toISOString() }, 7_000],
    [{ 'x-left': '0', 'x-reset': new Date(NOW - 7_000).toISOString() }, undefined],
  ])('lasts as long as the quota headers %j say', (headers, ms) => {
    expect(quotaWait([quota({ reset: 'X-Reset' })], headers, NOW)).toBe(ms);
    expect(quotaWait([], headers, NOW)).toBeUndefined();
  });

  test.each([
    ['0|5000', 10_000],
    ['12|0', 86_400_000 - 50_000],
    ['0|0', 86_400_000 - 50_000],
    ['12|5000', undefined],
    // A header that states the first only says nothing of the second.
    ['0', 10_000],
    ['12', undefined],
  ])('lasts until the right quota ends: a minute and a day in one header, %j left of them', (left, ms) => {
    const both = [quota({ part: 0, window: 60_000 }), quota({ part: 1, window: 86_400_000 })];
    expect(quotaWait(both, { 'x-left': left }, NOW + 50_000)).toBe(ms);
  });

  test('lasts as long as the longest of several quotas that are used up', () => {
    const quotas = [quota({ window: 60_000 }), quota({ remaining: 'X-Other', reset: 'X-Reset' })];
    const headers = { 'x-left': '0', 'x-other': '0', 'x-reset': String(NOW + 3_600_000) };
    expect(quotaWait(quotas, headers, NOW)).toBe(3_600_000);
  });
});

// Requests as they go over the wire, made from the OpenAPI document and a seed: some good, most of them not. Pure.
import { between, type Random } from '../../../sandbox/kit/random.ts';

// biome-ignore lint/suspicious/noExplicitAny: the document is looked into as it comes
type Schema = any;

export interface Wire {
  /** What is sent, in parts; between two of them the server may do something. */
  readonly parts: readonly (string | Buffer)[];
  /** It is not meant to be complete: the connection is reset, or closed, after it. */
  readonly cut: 'reset' | 'close' | undefined;
  /** For people. */
  readonly what: string;
}

export interface Names {
  readonly apiToken: string;
  readonly readToken: string;
  /** Good values by the name of a parameter or property. */
  readonly good: Readonly<Record<string, readonly string[]>>;
}

/** Names of keys that stand beside jobs in Redis. */
const KEYS = [
  'events',
  'meta',
  'id',
  'completed',
  'delayed',
  'wait',
  'active',
  'repeat',
  'marker',
  'stalled',
  'limiter',
];
const NUMBERS = [
  ...['0', '1', '4294967296', '9007199254740993', '9223372036854775808', '18446744073709551616'],
  ...['99999999999999999999', '9'.repeat(400), '00', '-1', '1e9', '1.5', '0x10', '١'],
];
const TIMES = [
  ...['2024-01-01T00:00:00Z', '2999-12-31T23:59:59.999Z', '2024-99-99T00:00:00Z', '2024-02-30T00:00:00Z'],
  ...['0000-01-01T00:00:00Z', '+275760-09-13T00:00:00Z', '2024-06-30T23:59:60Z', '2024-01-01T24:00:00Z', 'yesterday'],
];
const HOSTILE = [
  ...['', ' ', '0', '-1', '1e400', 'NaN', 'null', 'true', '*', '.', '..', '../../etc/passwd', '~', '$', '{x}'],
  ...['__proto__', 'constructor', 'toString', 'hasOwnProperty', 'prototype'],
  ...["' OR 1=1 --", '{{7*7}}', 'jndi:ldap://x', '<script>alert(1)</script>', '%00', '%n%s', '\u0000', '\r\nX-A: 1'],
  ...['ä', '\u202e', '\ud83d\ude00', '\ufeff', 'İ', 'ß'.repeat(50), 'x'.repeat(600), 'x'.repeat(5_000)],
  ...['things~a~1', 'things~a~~YQ', 'things~brake', 'a|b', '0|a', 'run-1', 'repeat:x:1'],
  ...KEYS,
  ...NUMBERS,
  ...TIMES,
];
/** As they stand in an address, encoded by nobody. */
const RAW = ['%', '%zz', '%00', '%ED%A0%80', '%2e%2e', '%2F', '//', '#', '?', '\\', '|', '{', '"', ';', '%23', '%3f'];
const METHODS = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'HEAD', 'OPTIONS', 'TRACE', 'QUERY', 'get', 'PROPFIND'];
const TYPES = ['application/json', 'text/yaml', 'text/plain', 'application/xml', '//;;', 'application/json; charset=x'];
const ELSEWHERE = [
  '/',
  '/docs',
  '/docs/json',
  '/queues/board',
  '/queues/board/api/queues',
  '/nothing',
  '/%2e%2e/x',
  '*',
];
const BOARD = [
  'empty',
  'obliterate',
  'add',
  'clean/failed',
  'rate-limit',
  'retry/failed',
  'pause',
  'events',
  '1/retry',
];

/** @param document OpenAPI, as the server gives it. @returns one request after the other, without end */
// Over 60 lines: a factory of requests. Its short functions draw from the same random numbers and the same document.
export function* requests(document: Schema, names: Names, random: Random): Generator<Wire> {
  const operations: { path: string; method: string; operation: Schema }[] = [];
  for (const [path, methods] of Object.entries<Schema>(document.paths))
    for (const [method, operation] of Object.entries<Schema>(methods))
      operations.push({ path, method: method.toUpperCase(), operation });
  const pick = <T>(list: readonly T[]): T => list[between(random, 0, list.length - 1)] as T;
  const chance = (share: number): boolean => random() < share;

  const resolve = (schema: Schema): Schema =>
    typeof schema?.$ref === 'string'
      ? resolve(
          schema.$ref
            .split('/')
            .slice(1)
            .reduce((at: Schema, part: string) => at?.[part], document),
        )
      : (schema ?? {});
  /** @param share how often it is a good one, where one is known */
  const text = (name: string, schema: Schema = {}, share = 0.5): string => {
    if (chance(share) && names.good[name]) return pick(names.good[name]);
    // What looks like what is asked for goes deeper than what is refused at once.
    if (chance(0.7) && schema.format === 'date-time') return pick(TIMES);
    if (chance(0.7) && String(schema.pattern).startsWith('^\\d')) return pick(NUMBERS);
    if (chance(0.3) && name === 'id') return pick(KEYS);
    return pick(HOSTILE);
  };
  const value = (name: string, given: Schema, depth = 0): unknown => {
    const schema = resolve(given);
    if (chance(0.15)) return pick([null, true, -1, 1e308, [], {}, [[]], { __proto__x: 1 }, pick(HOSTILE)]);
    if (Array.isArray(schema.enum)) return pick(schema.enum);
    const type = Array.isArray(schema.type) ? pick(schema.type) : schema.type;
    if (type === 'integer' || type === 'number')
      return pick([0, 1, schema.minimum ?? 0, schema.maximum ?? 9, 2 ** 53, 0.5]);
    if (type === 'boolean') return chance(0.5);
    if (type === 'array' && depth < 4)
      return Array.from({ length: between(random, 0, 3) }, () => value(name, schema.items, depth + 1));
    if (type === 'object' && depth < 4) {
      const entries: [string, unknown][] = Object.entries<Schema>(schema.properties ?? {})
        .filter(([key]) => schema.required?.includes(key) || chance(0.5))
        .map(([key, inner]) => [key, value(key, inner, depth + 1)]);
      if (chance(0.1)) entries.push([pick(HOSTILE), 1]);
      return Object.fromEntries(entries);
    }
    return text(name, schema);
  };
  const payload = (operation: Schema): string | Buffer => {
    const schema = operation.requestBody?.content?.['application/json']?.schema;
    const good = JSON.stringify(schema ? value('body', schema) : {}) ?? '';
    if (chance(0.75)) return good;
    const place = between(random, 0, good.length);
    return pick<() => string | Buffer>([
      () => good.slice(0, place),
      () => good.slice(0, place) + pick(['{', '}', '"', ',', '\u0000', 'NaN']) + good.slice(place),
      () => `${'['.repeat(20_000)}${']'.repeat(20_000)}`,
      () => JSON.stringify({ a: 'x'.repeat(300_000) }),
      () => Buffer.from(Array.from({ length: 200 }, () => between(random, 0, 255))),
    ])();
  };
  const address = (path: string, operation: Schema): string => {
    let filled = path.replace(/\{(\w+)\}/g, (_, name: string) =>
      chance(0.15) ? pick(RAW) : encodeURIComponent(text(name, {}, 0.75)).replaceAll('%2E', '.'),
    );
    const query: string[] = [];
    for (const { name, in: place, required, schema } of operation.parameters ?? []) {
      if (place !== 'query' || !(required || chance(0.4))) continue;
      query.push(
        `${name}=${chance(0.1) ? pick(RAW) : encodeURIComponent(String(chance(0.5) ? value(name, schema) : text(name, resolve(schema))))}`,
      );
      if (chance(0.05)) query.push(query.at(-1) ?? '');
    }
    if (chance(0.05)) query.push(pick(['nope=1', '__proto__=1', '&&', '=', '[]=1', 'a[b]=1']));
    if (chance(0.04)) filled += pick(RAW);
    if (chance(0.02)) filled = `http://${pick(['x', 'localhost', '[::1]'])}${filled}`;
    return query.length > 0 ? `${filled}?${query.join('&')}` : filled;
  };
  const authorization = (): string[] => {
    if (chance(0.6)) return [`Authorization: Bearer ${names.apiToken}`];
    if (chance(0.3)) return [`Authorization: Bearer ${names.readToken}`];
    if (chance(0.2)) return [];
    const scheme = pick(['Bearer', 'bearer', 'Basic', '']);
    return [`Authorization: ${scheme} ${pick([names.apiToken, names.readToken, 'wrong', ''])}`];
  };
  /** A line break would begin another header: Node's own client refuses these, an attacker would not. */
  const line = (text: string): string => text.replace(/[\r\n]/g, '').replace(/ /g, '%20');

  for (;;) {
    const { path, method, operation } = chance(0.9)
      ? pick(operations)
      : {
          path: chance(0.5)
            ? `/queues/board/api/queues/${pick(['scan', 'things', 'x'])}/${pick(BOARD)}`
            : pick(ELSEWHERE),
          method: pick(METHODS),
          operation: {},
        };
    const sent = chance(0.05) ? pick(METHODS) : method;
    const target = line(address(path, operation));
    const body = sent === 'GET' || sent === 'HEAD' ? (chance(0.02) ? payload(operation) : '') : payload(operation);
    const length = Buffer.byteLength(body) + (chance(0.03) ? pick([-1, 1, 1_000]) : 0);
    const chunked = chance(0.05);
    const headers = [
      `Host: ${pick(['127.0.0.1', '127.0.0.1', 'localhost', 'evil.example', '', 'x:y:z'])}`,
      ...authorization(),
      ...(body === '' && length <= 0 ? [] : [`Content-Type: ${chance(0.85) ? TYPES[0] : pick(TYPES)}`]),
      ...(chunked ? ['Transfer-Encoding: chunked'] : body === '' && length <= 0 ? [] : [`Content-Length: ${length}`]),
      ...(chance(0.03)
        ? [pick(['Expect: 100-continue', 'Expect: x', 'Upgrade: h2c', 'Origin: https://evil.example'])]
        : []),
      ...(chance(0.02)
        ? [
            pick([
              'Content-Length: 3',
              'Transfer-Encoding: gzip',
              'Host: other',
              `X: ${'y'.repeat(20_000)}`,
              'Bad Header',
              ': x',
            ]),
          ]
        : []),
      'Connection: close',
    ];
    const head = `${sent} ${target} HTTP/${chance(0.99) ? '1.1' : pick(['1.0', '0.9', '2.0', '9'])}\r\n${headers.join('\r\n')}\r\n\r\n`;
    const data = chunked
      ? Buffer.concat([
          Buffer.from(`${Buffer.byteLength(body).toString(16)}\r\n`),
          Buffer.from(body),
          Buffer.from(`\r\n${chance(0.9) ? '0' : 'zz'}\r\n\r\n`),
        ])
      : body;
    const whole = [head, data].filter((part) => part.length > 0);
    const cut = chance(0.03) ? pick(['reset', 'close'] as const) : undefined;
    const parts = cut
      ? [head.slice(0, between(random, 1, head.length)), ...(chance(0.5) ? [] : [data.slice(0, 1)])]
      : whole;
    yield {
      parts,
      cut: cut ?? (length > Buffer.byteLength(body) ? 'close' : undefined),
      what: `${sent} ${target}`.slice(0, 200),
    };
  }
}

/**
 * What a system that was taken over may answer: each attack is one way to stop its reader. Texts are made as they are
 * sent.
 */
import { gzipSync } from 'node:zlib';

export interface Reply {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly parts: Iterable<string | Buffer>;
}

/** What an attack does not answer is answered as by a sound system with two records. */
export interface Attack {
  readonly does?: string;
  /** A list. @param page from 1 */
  list?(page: number): Reply;
  /** One record by its id. */
  read?(id: string): Reply;
  /** The token endpoint. */
  token?(): Reply;
}

export const record = (id: string, more = ''): string =>
  `{"id":${JSON.stringify(id)},"name":"N ${id}","updated_at":"2024-01-01T00:00:00Z"${more}}`;

/** @param next token of the next page; empty on the last one */
export const page = (items: Iterable<string>, next = '', headers = {}): Reply => ({
  headers,
  parts: chain(['{"items":['], items, [`],"next":${JSON.stringify(next)}}`]),
});

function* chain(...all: Iterable<string>[]): Generator<string> {
  for (const part of all) yield* part;
}

/** Characters of a part, unless parts are what is tried: each is a call of the operating system. */
const PART = 20_000;

/** A text over and over. */
function* many(text: string, times: number, between = ','): Generator<string> {
  const size = Math.ceil(PART / text.length);
  const block = `${text}${between}`.repeat(size);
  let left = times;
  for (; left > size; left -= size) yield block;
  yield `${text}${between}`.repeat(left - 1) + text;
}

function* numbered(times: number, text: (n: number) => string, size = PART): Generator<string> {
  let part = '';
  for (let n = 0; n < times; n++) {
    part += n === 0 ? text(n) : `,${text(n)}`;
    if (part.length < size) continue;
    yield part;
    part = '';
  }
  yield part;
}

/** Without end. */
function* forever(text: string): Generator<string> {
  for (const block = text.repeat(1_000); ; ) yield block;
}

/** A property that ruins its record, alone and in a list. */
const property = (does: string, value: () => Iterable<string>): Attack => {
  const ruined = (): Iterable<string> => chain([record('1').replace(/\}$/, ',"extra":')], value(), ['}']);
  return { does, list: () => page(ruined()), read: () => ({ parts: ruined() }) };
};

const list = (does: string, items: () => Iterable<string>): Attack => ({ does, list: () => page(items()) });

/** As sent, each member is 10 kB; as it is unpacked, 10 MB. */
function* gzipBomb(members: number): Generator<Buffer> {
  const member = gzipSync(Buffer.alloc(10_000_000, ' '));
  for (let n = 0; n < members; n++) yield member;
}

const GZIP = { 'content-encoding': 'gzip' };

export const ATTACKS = {
  'a list of 3 million numbers': list('6 MB that become millions of refused records', () => many('1', 3_000_000)),
  'a list of 3 million empty records': list('9 MB that become millions of objects', () => many('{}', 3_000_000)),
  'a list of 50,000 records without an id': list('an error for each of them', () => many('{"name":"nobody"}', 50_000)),
  'a list of 60,000 good records': list('far more than a page, one by one', () =>
    numbered(60_000, (n) => record(`r${n}`), 1),
  ),
  'a record of 20 million empty arrays': property('60 MB that become 1 GB', () =>
    chain(['['], many('[]', 20_000_000), [']']),
  ),
  'a record of a million keys': property('slow to parse, slow to walk', () =>
    chain(
      ['{'],
      numbered(1_000_000, (n) => `"key ${n}":${n}`),
      ['}'],
    ),
  ),
  'a record that nests 5 million levels': property('overflows whatever walks it', () =>
    chain(many('[', 5_000_000, ''), many(']', 5_000_000, '')),
  ),
  'a text of 100 MB': property('fills the memory at once', () => chain(['"'], many('x', 100_000_000, ''), ['"'])),
  'a number of 20 million digits': property('slow for a decimal library', () => many('9', 20_000_000, '')),
  'a response without end': { does: 'never stops', list: () => page(forever(`${record('1')},`)) },
  'pages without end': {
    does: 'each leads to another one',
    list: (n: number) =>
      page(
        numbered(1_000, (i) => record(`p${n}-${i}`)),
        `t${n}`,
      ),
  },
  'empty pages without end': { does: 'each leads to another one', list: (n: number) => page([], `t${n}`) },
  'tokens of a megabyte': {
    does: 'to be kept and sent back',
    list: (n: number) => page([record(`p${n}`)], `${n}`.padStart(1_000_000, 'x')),
  },
  'a gzip bomb as a list': { does: '2 MB that unpack to 2 GB', list: () => ({ headers: GZIP, parts: gzipBomb(200) }) },
  'a gzip bomb as tokens': { does: '2 MB that unpack to 2 GB', token: () => ({ headers: GZIP, parts: gzipBomb(200) }) },
  'tokens without end': { does: 'never stops', token: () => ({ parts: forever(' ') }) },
  'a refusal without end': { does: 'never stops', list: () => ({ status: 500, parts: forever('x') }) },
} as const satisfies Record<string, Attack>;

export type AttackName = keyof typeof ATTACKS;

// Paging: every kind reads all records once and ends.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { PagingConfig } from '../../../engine/config/types.ts';
import {
  createPager,
  itemsOf,
  nextLink,
  type PageAnswer,
  type PageRequest,
} from '../../../engine/connectors/http/paging.ts';

const SIZE = 3;
type Serve = (request: PageRequest) => PageAnswer;

/** A system with `count` records that pages in the given way. */
function serve(count: number, paging: PagingConfig): Serve {
  const all = Array.from({ length: count }, (_, id) => ({ id: String(id) }));
  const answer = (from: number, size = SIZE): PageAnswer => {
    const items = all.slice(from, from + size);
    const more = from + size < count;
    return {
      body: { items, next: more ? String(from + size) : '' },
      items,
      lastId: items.at(-1)?.id,
      link: more ? `<http://h/?at=${from + size}>; rel="next"` : undefined,
    };
  };
  return ({ query, url }) => {
    switch (paging.kind) {
      case 'none':
        return answer(0, count);
      case 'page':
        return answer((Number(query.p) - paging.first) * SIZE);
      case 'cursor':
        return answer(query.p === undefined ? 0 : Number(query.p) + 1);
      case 'link':
        return answer(url === undefined ? 0 : Number(new URL(url).searchParams.get('at')));
      default:
        return answer(Number(query.p ?? 0));
    }
  };
}

const KINDS: PagingConfig[] = [
  { kind: 'none' },
  { kind: 'page', param: 'p', size: SIZE, first: 1 },
  { kind: 'page', param: 'p', size: SIZE, first: 0 },
  { kind: 'offset', param: 'p', size: SIZE },
  { kind: 'token', param: 'p', next: 'next' },
  { kind: 'cursor', param: 'p' },
  { kind: 'link' },
];

describe.each(KINDS)('$kind', (paging) => {
  test('reads every record once, and ends', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 40 }), (count) => {
        const answer = serve(count, paging);
        const pager = createPager(paging);
        const read: unknown[] = [];
        let requests = 0;
        for (let request: PageRequest | undefined = pager.first; request !== undefined; requests++) {
          expect(requests).toBeLessThan(count + 3);
          const page = answer(request);
          read.push(...page.items);
          request = pager.next(page);
        }
        expect(read).toHaveLength(count);
        expect(new Set(read).size).toBe(count);
      }),
    );
  });
});

test.each([
  { kind: 'token', param: 'p', next: 'next' },
  { kind: 'cursor', param: 'p' },
  { kind: 'link' },
] satisfies PagingConfig[])('$kind that leads back is refused', (paging) => {
  const pager = createPager(paging);
  const answer: PageAnswer = { body: { next: 'x' }, items: [{}], lastId: '1', link: '<http://h/2>; rel=next' };
  pager.next(answer);
  expect(() => pager.next(answer)).toThrow(expect.objectContaining({ code: 'SYSTEM_BAD_RESPONSE' }));
});

test('a body without a list is an error, never an empty list', () => {
  expect(itemsOf([1], '')).toEqual([1]);
  expect(itemsOf({ a: { b: [] } }, 'a.b')).toEqual([]);
  for (const body of [undefined, null, {}, { items: null }, { items: {} }, 'text', []]) {
    expect(() => itemsOf(body, 'items')).toThrow(expect.objectContaining({ code: 'SYSTEM_BAD_RESPONSE' }));
  }
});

test.each([
  ['<http://h/2>; rel="next"', 'http://h/2'],
  ['<http://h/0>; rel="prev", <http://h/2?a=1,2>; title="x, y"; rel="last next"', 'http://h/2?a=1,2'],
  ['</relative>; rel=next', '/relative'],
  ['<http://h/0>; rel="prev"', undefined],
  ['<http://h/0>; rel="nextish"', undefined],
  ['nonsense', undefined],
  [undefined, undefined],
])('nextLink reads the header %j', (header, url) => {
  expect(nextLink(header)).toBe(url);
});

describe('a list that does not end', () => {
  /** Goes on for as long as the pager does, and tells why it ended. */
  const readOn = (paging: PagingConfig, answer: (page: number) => PageAnswer): { pages: number; message: string } => {
    const pager = createPager(paging);
    for (let pages = 1; ; pages++) {
      try {
        if (pager.next(answer(pages)) === undefined) return { pages, message: '' };
      } catch (error) {
        expect(error).toMatchObject({ code: 'SYSTEM_BAD_RESPONSE' });
        return { pages, message: (error as Error).message };
      }
    }
  };
  const page = (next: string, items: readonly unknown[] = [1]): PageAnswer => ({
    body: { next },
    items,
    lastId: next,
    link: `<http://h/?at=${next}>; rel="next"`,
  });
  const kinds: PagingConfig[] = [
    { kind: 'token', param: 'p', next: 'next' },
    { kind: 'cursor', param: 'p' },
    { kind: 'link' },
    { kind: 'page', param: 'p', size: 1, first: 1 },
    { kind: 'offset', param: 'p', size: 1 },
  ];

  test.each(kinds)('is refused after 100,000 pages ($kind)', (paging) => {
    expect(readOn(paging, (n) => page(String(n)))).toEqual({
      pages: 100_000,
      message: 'The list has more than 100000 pages',
    });
  });

  test.each([kinds[0]!, kinds[2]!])('is refused after 100 pages without a record ($kind)', (paging) => {
    expect(readOn(paging, (n) => page(String(n), []))).toEqual({
      pages: 100,
      message: 'The list goes on after 100 pages without a record',
    });
    // One record now and then, and it goes on.
    expect(readOn(paging, (n) => page(String(n), n % 99 === 0 ? [1] : [])).pages).toBe(100_000);
  });

  test.each(kinds.slice(0, 3))('is refused for a token that no server takes ($kind)', (paging) => {
    expect(readOn(paging, () => page('x'.repeat(5_000))).message).toMatch(/more than 4096 characters/);
  });

  test('is found by hashes of its tokens, also if long tokens differ only at the end', () => {
    const text = (n: number): string => String(n).padStart(3_000, 'x');
    expect(readOn(kinds[0]!, (n) => page(n < 500 ? text(n) : ''))).toEqual({ pages: 500, message: '' });
    expect(readOn(kinds[0]!, (n) => page(text(n % 500))).message).toMatch(/leads back/);
  });
});

test('a page with more records than a page may have is refused', () => {
  expect(() => itemsOf([1, 2, 3], '', 2)).toThrow(/a list of 3 records, where a page has at most 2/);
  expect(() => itemsOf({ a: Array.from({ length: 50_001 }) }, 'a')).toThrow(/'a' of the answer is a list of 50001/);
});

test('a Link header of a million brackets is read in linear time', () => {
  const begun = performance.now();
  expect(nextLink('<'.repeat(1_000_000))).toBeUndefined();
  expect(performance.now() - begun).toBeLessThan(2_000);
});

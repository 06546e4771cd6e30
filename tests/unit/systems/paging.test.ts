// Paging: every kind reads all records once and ends.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { PagingConfig } from '../../../engine/config/types.ts';
import { createPager, itemsOf, nextLink, type PageAnswer, type PageRequest } from '../../../engine/systems/paging.ts';

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

test('what is no list is an error, never an empty list', () => {
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
])('nextLink %j', (header, url) => {
  expect(nextLink(header)).toBe(url);
});

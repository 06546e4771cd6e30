// Bodies are parsed as JSON in UTF-8 and as nothing else; a page record by record, with what a parser makes of the whole.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { parseBody, parsePage } from '../../../engine/connectors/http/parse.ts';
import { TooMuch } from '../../../engine/connectors/http/response-body.ts';
import { parseJson } from '../../../engine/json.ts';

test.each([
  ['', { ok: true, value: undefined }],
  ['{"a":1}', { ok: true, value: { a: 1 } }],
  ['\uFEFF[]', { ok: true, value: [] }],
  ['{', { ok: false }],
  [Buffer.from([0x22, 0xff, 0x22]), { ok: false }],
])('a body is parsed as JSON in UTF-8, and as nothing else: %s', async (body, expected) => {
  expect(await parseBody(Buffer.from(body as string), undefined)).toEqual(expected);
  expect(await parseBody(Buffer.from(body as string), '')).toEqual(expected);
});

/** The value, or that there is none. */
const parsed = async (work: () => unknown): Promise<unknown> => {
  try {
    return { value: await work() };
  } catch (error) {
    if (error instanceof SyntaxError) return 'no JSON';
    throw error;
  }
};
const same = async (text: string, path: string): Promise<void> => {
  expect(await parsed(() => parsePage(text, path, 0))).toEqual(await parsed(() => parseJson(text)));
};

const PATHS = ['', 'items', 'data.items', 'a[b=1].c'];
const page = fc
  .tuple(fc.array(fc.jsonValue({ maxDepth: 3 })), fc.jsonValue({ maxDepth: 2 }), fc.constantFrom(...PATHS))
  .map(([items, other, path]) => {
    const value =
      path === '' ? items : path === 'items' ? { other, items, next: 'x' } : { next: other, data: { items, other } };
    return { value, path };
  });

test('a page is parsed record by record with the same result as at once, however it is written', async () => {
  await fc.assert(
    fc.asyncProperty(page, fc.nat(2), async ({ value, path }, indent) =>
      same(JSON.stringify(value, undefined, indent), path),
    ),
  );
});

test('a damaged page is refused where a parser refuses it, and is else what the parser makes of it', async () => {
  const pieces = [
    '',
    ',',
    ']',
    '[',
    '{',
    '}',
    '"',
    '\\',
    ':',
    ' ',
    '1',
    'null',
    '\u0001',
    '\u00a0',
    '"items":[],',
    '9007199254740993',
  ];
  await fc.assert(
    fc.asyncProperty(page, fc.nat(), fc.nat(3), fc.constantFrom(...pieces), async ({ value, path }, at, cut, piece) => {
      const text = JSON.stringify(value);
      const place = at % text.length;
      await same(text.slice(0, place) + piece + text.slice(place + cut), path);
    }),
    { numRuns: 2_000 },
  );
});

test.each([
  '{"items":[1],"items":[2]}',
  '{"items":[1],"items":[]}',
  '{"it\\u0065ms":[1,{"items":[3]}]}',
  '{"x":"\\"items\\":[","items":["]","\\\\",{"a":"}"}]}',
  '{"items":{"items":[1]}}',
  '{"items":[ ]}',
  '{"items":[1,]}',
  '{"items":[,1]}',
  '{"items":[1 2]}',
  '{"items":[1],}',
  '{"items":[[1}]}',
  '{"items":[1]} x',
  '{"items":[1e400,12345678901234567890]}',
  ' \n{ "items" \t: [ 1 , 2 ] } ',
  '{"__proto__":{"items":[1]}}',
])('odd text is parsed record by record with the same result as at once: %s', (text) => same(text, 'items'));

test('a record with too many values does not affect other records of the page', async () => {
  const deep = `{"n":12345678901234567890,"a":${'['.repeat(100_000)}${']'.repeat(100_000)}}`;
  const wide = `{"a":[${'[],'.repeat(250_000)}1]}`;
  const items = await parsePage(`[{"id":1},${wide},${deep},{"id":2}]`, '');
  expect(items).toEqual([{ id: 1 }, expect.any(TooMuch), expect.anything(), { id: 2 }]);
});

test('others have their turn while a large page is parsed', async () => {
  const text = `[${Array.from({ length: 30_000 }, (_, i) => `{"k${i}":${i}}`).join(',')}]`;
  let turns = 0;
  const timer = setInterval(() => turns++, 1);
  const begun = performance.now();
  expect(await parsePage(text, '')).toHaveLength(30_000);
  clearInterval(timer);
  // One turn in 20 ms; the last part may be short.
  expect(turns).toBeGreaterThanOrEqual(Math.floor((performance.now() - begun) / 100));
});

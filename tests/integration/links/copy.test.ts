/** A copy of links: put back whole, nothing that is there changed, and a damaged copy gives what it has. */
import { beforeEach, describe, expect, it } from 'vitest';
import { type CopiedMapping, exportLines } from '../../../engine/store/copy.ts';
import { type ImportProblem, importLines } from '../../../engine/store/import-copy.ts';
import { testFingerprinter } from '../../support/fingerprints.ts';
import { createLinks, type Links } from '../../support/links.ts';
import { uniquePrefix } from '../../support/redis.ts';
import { redisOfFile } from '../../support/redis-of-file.ts';

const redis = redisOfFile();

let links: Links;
let mapping: CopiedMapping;
beforeEach(() => {
  links = createLinks(redis, uniquePrefix(), { name: 'm', match: [{ name: 'rule' }] }, testFingerprinter);
  mapping = { name: 'm', sides: ['crm', 'shop'], links };
});

const commit = (a: string, b: string) =>
  links.commit({
    ids: [a, b],
    version: '',
    base: { p: [token('x'), token('y'), 'd'] },
    states: [token(`s${a}`), token(`t${b}`)],
  });
const token = (text: string): string => testFingerprinter.token(text);
const since = Date.parse('2026-01-01');

async function copy(): Promise<string> {
  let text = '';
  for await (const lines of exportLines([mapping], { links: 0, records: 0 }, { check: 'key' })) text += lines;
  return text;
}

/** @param size of the chunks in which the text comes */
async function put(text: string, { dry = false, size = 7, into = mapping } = {}) {
  const problems: ImportProblem[] = [];
  async function* chunks(): AsyncGenerator<string> {
    for (let i = 0; i < text.length; i += size) yield text.slice(i, i + size);
  }
  const counts = await importLines(chunks(), new Map([[into.name, into]]), {
    dry,
    problem: (one) => void problems.push(one),
    adopt: async () => {},
  });
  return { counts, problems };
}

async function three(): Promise<string> {
  await commit('1', '11');
  await commit('2', '12');
  await commit('3', '13');
  const text = await copy();
  for (const [a, b] of [
    ['1', '11'],
    ['2', '12'],
    ['3', '13'],
  ] as const)
    await links.unlink(a, b);
  return text;
}

const none = { imported: 0, records: 0, there: 0, conflicting: 0, bad: 0 };

it('a copy holds link keys, bases, states, decisions and pending creates, with ids and fingerprints only', async () => {
  const issue = { reason: 'because', mapping: 'v', since };
  await commit('1', '11');
  await commit('1b', '11b');
  await links.raise(0, '1b', token('gone'), { ...issue, kind: 'orphaned', job: 'a job' });
  await commit('2', '12');
  await links.raise(0, '2', token('s2'), { ...issue, kind: 'failed' });
  await links.raise(1, '20', token('left'), { ...issue, kind: 'unmatched' });
  await links.raise(1, '21', token('undecided'), { ...issue, kind: 'review' });
  await links.beginCreate(0, '30', { at: 5, key: 'k', sent: { p: 'f' } });
  await links.keepOverwritten(
    ['1', '11'],
    [{ at: new Date().toISOString(), property: 'p', side: 'crm', value: 'a value', rule: 'conflict' }],
  );
  const text = await copy();
  expect(text).not.toContain('a value');

  links = createLinks(redis, uniquePrefix(), { name: 'm', match: [] }, testFingerprinter);
  mapping = { ...mapping, links };
  expect(await put(text)).toEqual({ counts: { ...none, imported: 3, records: 2 }, problems: [] });
  expect(await links.counterpart(0, '1')).toBe('11');
  expect(await links.counterpart(1, '11')).toBe('1');
  expect(await links.base('1')).toMatchObject({ base: { p: [token('x'), token('y'), 'd'] } });
  expect(await links.states(0, ['1', '1b', '2'])).toEqual([token('s1'), token('gone'), 'open.']);
  expect(await links.states(1, ['11', '12', '20', '21'])).toEqual([token('t11'), 'open.', token('left'), null]);
  expect(await links.issue(0, '1b')).toEqual({ ...issue, kind: 'orphaned' });
  // Waits for another try: it is looked at again.
  expect(await links.issue(0, '2')).toBeUndefined();
  expect(await links.issue(1, '20')).toEqual({ ...issue, kind: 'unmatched' });
  expect(await links.issue(1, '21')).toBeUndefined();
  expect(await links.pendingCreate(0, '30')).toMatchObject({ key: 'k' });
  expect(await put(text)).toEqual({ counts: { ...none, there: 5 }, problems: [] });
});

it('an import makes Tandem read both sides again before anything is matched or created', async () => {
  const text = await three();
  for (const side of [0, 1] as const) await links.readThrough(side, 'full', undefined);
  await put(text, { dry: true });
  expect(await links.ready()).toBe(true);
  await put(text);
  expect(await links.ready()).toBe(false);
  for (const side of [0, 1] as const) await links.readThrough(side, 'full', undefined);
  // What was there already tells nothing new.
  await put(text);
  expect(await links.ready()).toBe(true);
});

it('a dry run of an import counts the links and stores nothing', async () => {
  const text = await three();
  expect((await put(text, { dry: true })).counts).toEqual({ ...none, imported: 3 });
  expect(await links.count()).toBe(0);
});

it.each([
  ['1', '99'],
  ['98', '11'],
])('an import never changes a link that exists by now (%s, %s)', async (a, b) => {
  const text = await three();
  await commit(a, b);
  const { counts, problems } = await put(text);
  const line = text.split('\n').findIndex((one) => one.includes('"crm":"1"')) + 1;
  expect(counts).toEqual({ ...none, imported: 2, conflicting: 1 });
  expect(problems).toMatchObject([{ line, code: 'LINK_TAKEN', message: expect.stringContaining('crm 1 or shop 11') }]);
  expect(await links.counterpart(0, a)).toBe(b);
  expect(await links.counterpart(1, b)).toBe(a);
  expect([await links.counterpart(0, '1'), await links.counterpart(1, '11')]).toContain(undefined);
});

it('an import of links waits for a worker that has a record, and leaves the link that it made', async () => {
  const text = await three();
  expect(await links.claim(['1/11'], 'worker', 60_000)).toBeDefined();
  const [putting] = [put(text)];
  // The others are put back while the one is waited for.
  await expect.poll(() => links.count(), { interval: 5 }).toBe(2);
  await commit('1', '99');
  await links.unclaim(['1/11'], 'worker');
  expect((await putting).counts).toEqual({ ...none, imported: 2, conflicting: 1 });
  expect(await links.counterpart(0, '1')).toBe('99');
  expect(await links.counterpart(1, '11')).toBeUndefined();
});

describe('a copy that is damaged', () => {
  it('gives its complete lines when it was cut short, and the rest is reported', async () => {
    const lines = (await three()).trim().split('\n');
    const { counts, problems } = await put([...lines.slice(0, 3), lines[3]!.slice(0, 40)].join('\n'));
    expect(counts).toEqual({ ...none, imported: 2, bad: 2 });
    expect(problems).toMatchObject([
      { line: 4, code: 'BAD_REQUEST', message: expect.stringContaining('no JSON object') },
      { line: 4, message: expect.stringContaining('no end') },
    ]);
  });

  it('is reported when it lacks a line in the middle', async () => {
    const lines = (await three()).trim().split('\n');
    const { counts, problems } = await put(lines.toSpliced(2, 1).join('\n'));
    expect(counts).toEqual({ ...none, imported: 2, bad: 1 });
    expect(problems[0]!.message).toContain('3 lines, but it has 2');
  });

  it.each<[string, (line: Record<string, unknown>) => unknown, string]>([
    ['another mapping', (line) => ({ ...line, mapping: 'nobody' }), 'There is no mapping "nobody"'],
    [
      'other sides',
      (line) => ({ ...line, ids: { keap: '1', shop: '11' } }),
      '"ids" must have a value for crm and shop',
    ],
    ['an empty id', (line) => ({ ...line, ids: { crm: '', shop: '11' } }), '"ids" of crm must be a text'],
    ['an id that is no text', (line) => ({ ...line, ids: { crm: 1, shop: '11' } }), '"ids" of crm must be a text'],
    ['no base', ({ base: _, ...line }) => line, '"base" must be an object'],
    ['a base that is none', (line) => ({ ...line, base: { p: ['x', 'y'] } }), '"base" of p must be a fingerprint'],
    [
      'a state that is none',
      (line) => ({ ...line, lastSynced: { crm: 's', shop: '' } }),
      '"lastSynced" of crm must be',
    ],
    ['half a reason', (line) => ({ ...line, issue: { kind: 'orphaned' } }), '"issue" must state'],
    ['a list', () => [], 'no JSON object'],
    ['no end of its own', () => 'x'.repeat(1_100_000), 'longer than'],
  ])('loses no other line because of a line with %s', async (_, change, words) => {
    const lines = (await three()).trim().split('\n');
    lines[1] = JSON.stringify(change(JSON.parse(lines[1]!)));
    const { counts, problems } = await put(lines.join('\n'), { size: 65_536 });
    expect(counts).toMatchObject({ imported: 2 });
    expect(problems[0]).toMatchObject({ line: 2, message: expect.stringContaining(words) });
    expect(await links.count()).toBe(2);
  });

  it('is not imported when its sides are in another order', async () => {
    const text = await three();
    const { counts, problems } = await put(text, { into: { ...mapping, sides: ['shop', 'crm'] } });
    expect(counts).toEqual({ ...none, bad: 3 });
    expect(problems[0]!.message).toContain('name and order must be the same');
    expect(await links.count()).toBe(0);
  });

  it.each(['', 'id,other\n1,2\n', '[]', '{"tandem":"links","format":9,"mappings":{}}\n'])(
    'or none at all is refused: %j',
    async (text) => {
      await expect(put(text)).rejects.toMatchObject({ code: 'BAD_REQUEST' });
    },
  );
});

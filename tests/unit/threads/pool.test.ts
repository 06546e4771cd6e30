/** Drafts and previews run in threads: nothing that they do stops this one, and each ends in time, space and number. */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, expect, it } from 'vitest';
import { createThreads, type ThreadOptions, type Threads } from '../../../engine/threads/pool.ts';
import type { Host } from '../../../engine/threads/protocol.ts';
import { startWorker as startFromSources } from '../../../engine/threads/start-thread.ts';
import { ENV, edited, files, MAPPING } from '../config/fixture.ts';

const FILE = 'mappings/people-customers.yaml';
const made: Threads[] = [];
function threads(options: Omit<ThreadOptions, 'config'> = {}, sources = { files: files(), env: ENV }): Threads {
  const pool = createThreads({ config: { sources: () => sources }, ...options });
  made.push(pool);
  return pool;
}
afterAll(() => Promise.all(made.map((pool) => pool.close())));

/** A draft that converts by an expression. */
const converting = (expression: string): { kind: 'draft'; yaml: string } => ({
  kind: 'draft',
  yaml: `mapping: draft
between: { crm: { system: crm, entity: people }, shop: { system: shop, entity: customers } }
create: [shop]
conflict: crm
properties:
  - { crm: name, shop: name, type: string, convert: { shop: ${JSON.stringify(expression)}, crm: $ } }
`,
});
const ENDLESS = '($f := function($x) { $f($x) }; $f(1))';
const nobody = (): Promise<never> => Promise.reject(new Error('not asked for'));
const host = (more: Partial<Host> = {}): Host => ({
  read: nobody,
  link: nobody,
  record: nobody,
  find: nobody,
  reference: nobody,
  lookup: nobody,
  lookupId: nobody,
  counterpart: async () => undefined,
  ...more,
});
const PERSON = { id: '7', name: 'Ann', mail: 'ann@example.com' };

/** How long this thread had no turn, at most, in ms. */
async function longestGap(work: Promise<unknown>): Promise<number> {
  let longest = 0;
  let working = true;
  void work
    .catch(() => {})
    .finally(() => {
      working = false;
    });
  for (let last = performance.now(); working; ) {
    await sleep(1);
    longest = Math.max(longest, performance.now() - last);
    last = performance.now();
  }
  return longest;
}

const pool = threads();

it('a draft is checked against the files that run', async () => {
  expect(await pool.run({ kind: 'draft', yaml: MAPPING, file: FILE })).toMatchObject({
    valid: true,
    mapping: 'people-customers',
    problems: [],
  });
  const broken = MAPPING.replace('address.street', 'address.stret');
  expect(await pool.run({ kind: 'draft', yaml: broken })).toMatchObject({
    valid: false,
    problems: [{ code: 'CONFIG_PATH', file: 'mappings/draft.yaml', line: 16 }],
  });
});

it('a preview asks its host for data, and keeps every digit of an id', async () => {
  const asked: unknown[] = [];
  const result = await pool.run(
    { kind: 'preview', mapping: 'people-customers', side: 0, record: '{"id":12345678901234567890,"name":"Ann"}' },
    {
      host: host({
        counterpart: async (...args) => {
          asked.push(args);
          return '1';
        },
      }),
    },
  );
  expect(result).toMatchObject({ counterpart: '1', inScope: true });
  expect(asked).toEqual([[0, '12345678901234567890']]);
});

it('the error of a task keeps its code, message and context', async () => {
  const { TandemError } = await import('../../../engine/errors.ts');
  const lost = new TandemError('SYSTEM_NOT_FOUND', 'crm has no record "7".', { side: 'crm', id: '7' });
  const work = { kind: 'preview', mapping: 'people-customers', side: 0, id: '7' } as const;
  await expect(pool.run(work, { host: host({ read: () => Promise.reject(lost) }) })).rejects.toMatchObject({
    code: 'SYSTEM_NOT_FOUND',
    message: lost.message,
    context: { side: 'crm', id: '7' },
  });
  await expect(
    pool.run({ ...work, id: undefined, record: '{"id":1.5}' } as never, { host: host() }),
  ).rejects.toMatchObject({
    code: 'BAD_REQUEST',
  });
  await expect(pool.run({ ...work, mapping: 'none' }, { host: host() })).rejects.toMatchObject({ code: 'NOT_FOUND' });
});

it('a task that never ends is ended with its thread, and the next task gets another thread', async () => {
  const short = threads({ timeout: 300 });
  const late = short.run(converting(ENDLESS));
  expect(await longestGap(late)).toBeLessThan(2_000);
  await expect(late).rejects.toMatchObject({
    code: 'EXPRESSION_LIMIT',
    message: 'It took more than 0.3 s of computing, and was ended.',
  });
  await expect(short.run({ kind: 'draft', yaml: 'mapping: [' })).resolves.toMatchObject({ valid: false });
});

it('a task that takes too much memory is ended, and this process goes on', async () => {
  const copies = '($l := [1..9000]; $string($count($map([1..9000], function($i) { {"a": $append($l, $i)} }))))';
  const result = pool.run(converting(copies));
  await expect(result).rejects.toMatchObject({
    code: 'EXPRESSION_LIMIT',
    message: 'It needed more than 128 MiB of memory, and was ended.',
  });
});

it('a task beyond the declared number at once is refused, until another task has ended', async () => {
  const single = threads({ atOnce: 1 });
  const first = single.run({ kind: 'draft', yaml: MAPPING });
  await expect(single.run({ kind: 'draft', yaml: MAPPING })).rejects.toMatchObject({
    code: 'RATE_LIMITED',
    context: { retryAfter: 1_000 },
  });
  await first;
  await expect(single.run({ kind: 'draft', yaml: MAPPING })).resolves.toMatchObject({ valid: true });
});

it('the time that a task waits for a system does not count as computing', async () => {
  const short = threads({ timeout: 500 });
  const read = async (): Promise<unknown> => {
    await sleep(1_000);
    return { id: '7', modified: undefined, version: undefined, data: PERSON };
  };
  await expect(
    short.run({ kind: 'preview', mapping: 'people-customers', side: 0, id: '7' }, { host: host({ read }) }),
  ).resolves.toMatchObject({ inScope: true });
});

it('a task whose caller is gone is ended', async () => {
  const single = threads({ atOnce: 1 });
  const gone = new AbortController();
  const endless = single.run(
    { kind: 'preview', mapping: 'people-customers', side: 0, id: '7' },
    { host: host({ read: () => new Promise(() => gone.abort()) }), signal: gone.signal },
  );
  await expect(endless).rejects.toMatchObject({ code: 'TIMEOUT' });
  await expect(single.run({ kind: 'draft', yaml: MAPPING })).resolves.toMatchObject({ mapping: 'people-customers' });
});

it('an edit of the files is seen by the next task', async () => {
  let sources = { files: files(), env: ENV };
  const pool = createThreads({ config: { sources: () => sources } });
  made.push(pool);
  const preview = { kind: 'preview', mapping: 'people-customers', side: 0, record: JSON.stringify(PERSON) } as const;
  await expect(pool.run(preview, { host: host() })).resolves.toMatchObject({ inScope: true });
  sources = { files: files(edited(FILE, ['mapping: people-customers', 'mapping: others'])), env: ENV };
  await expect(pool.run(preview, { host: host() })).rejects.toMatchObject({ code: 'NOT_FOUND' });
});

it('many large drafts, one after the other, do not fill the memory of a thread', async () => {
  const large = (n: number): string => `# draft ${n}\nvalues: [${'1,'.repeat(90_000)}1]\n`;
  for (let n = 0; n < 6; n++)
    await expect(pool.run({ kind: 'draft', yaml: large(n) })).resolves.toMatchObject({ valid: false });
});

it('a thread starts from the sources too', async () => {
  const sources = { files: files(), env: ENV };
  const worker = startFromSources(sources, 128);
  const ready = await new Promise((resolve, reject) => worker.once('message', resolve).once('error', reject));
  await worker.terminate();
  expect(ready).toEqual({ kind: 'ready' });
});

it('closing the pool ends the running tasks, and no more tasks are begun', async () => {
  const closing = threads();
  const running = closing.run(converting(ENDLESS));
  const ended = expect(running).rejects.toMatchObject({ code: 'UNAVAILABLE' });
  await closing.close();
  await ended;
  await expect(closing.run({ kind: 'draft', yaml: MAPPING })).rejects.toMatchObject({ code: 'UNAVAILABLE' });
});

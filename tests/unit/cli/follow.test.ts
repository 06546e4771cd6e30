// Following a run: what is shown on the way, a server that goes away meanwhile, and the table at the end.
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import type { Run } from '../../../api/index.ts';
import { followRuns, reasonLines, summaryTable } from '../../../cli/follow.ts';
import type { Output } from '../../../cli/format/output.ts';
import { createClient } from '../../../cli/http-client.ts';
import { agreementOf } from '../../../cli/verify.ts';
import type { Rule } from '../../../engine/merge/merge.ts';

const listeners = process.listenerCount('SIGINT');
const sides = (keap: number, shop: number) => ({ keap, shop });

function run(
  id: string,
  state: Run['state'],
  change: { work?: number; done?: number; retried?: number; read?: [number, number]; reason?: string } = {},
): Run {
  const { work = 0, done = 0, retried = 0, read = [0, 0], reason } = change;
  return {
    id,
    mapping: id,
    scan: 'full',
    plan: false,
    trigger: 'api',
    state,
    createdAt: '2026-01-01T00:00:00.000Z',
    progress: { read: sides(...read), work, done, retried },
    counts: {
      matched: 1,
      created: sides(2, 3),
      updated: sides(0, 4),
      deleted: sides(0, 0),
      unchanged: 0,
      waiting: 5,
      review: 6,
      failed: 7,
      retrying: 0,
      excluded: 0,
      conflicts: 0,
    },
    ...(reason === undefined ? {} : { reason }),
  };
}

let server: Server | undefined;
afterEach(async () => {
  server?.closeAllConnections();
  await new Promise<void>((resolve) => (server ? server.close(() => resolve()) : resolve()));
  server = undefined;
});

/**
 * Answers one after another; the last one again and again. A number is a status without a body of Tandem's.
 * @param others what is at other addresses
 */
async function tandemThatAnswers(
  answers: readonly (Run | number | { readonly code: string })[],
  others: Readonly<Record<string, unknown>> = {},
): Promise<string> {
  let next = 0;
  server = createServer((request, response) => {
    if (!request.url?.startsWith('/runs/')) {
      const other = others[request.url ?? ''];
      return void response.writeHead(other === undefined ? 404 : 200).end(JSON.stringify(other ?? {}));
    }
    const answer = answers[Math.min(next++, answers.length - 1)];
    if (typeof answer === 'number') response.writeHead(answer).end('Bad gateway');
    else if (answer && 'code' in answer) response.writeHead(503).end(JSON.stringify({ ...answer, detail: 'No.' }));
    else response.setHeader('content-type', 'application/json').end(JSON.stringify(answer));
  });
  await new Promise<void>((resolve) => server?.listen(0, '127.0.0.1', resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

function recorder(): Output & { lines: string[] } {
  const lines: string[] = [];
  return {
    json: false,
    tty: false,
    lines,
    line: (text = '') => void lines.push(text),
    note: (text) => void lines.push(`note: ${text}`),
    result() {},
  };
}

describe('followRuns', () => {
  it('tells each state of each mapping once', async () => {
    const group = (state: Run['state'], ...runs: Run[]): Run => ({ ...run('*', state), runs });
    const url = await tandemThatAnswers([
      group('queued', run('a', 'queued'), run('b', 'queued')),
      group('scanning', run('a', 'scanning', { read: [10, 20] }), run('b', 'queued')),
      group('working', run('a', 'working', { read: [10, 20], work: 5, done: 2 }), run('b', 'scanning')),
      group(
        'done',
        run('a', 'done', { read: [10, 20], work: 5, done: 5, retried: 1 }),
        run('b', 'done', { read: [1, 1], retried: 2 }),
      ),
    ]);
    const output = recorder();
    const ended = await followRuns(createClient({ url, readToken: undefined, apiToken: undefined }), ['x'], output);
    expect(ended.map(({ state }) => state)).toEqual(['done']);
    expect(output.lines).toEqual([
      'a: queued',
      'b: queued',
      'a: reading: keap 10, shop 20',
      'a: 2 of 5 records',
      'b: reading: keap 0, shop 0',
      'a: done: 5 records; 1 rejected write tried again',
      'b: done: read keap 1, shop 1; nothing to do; 2 rejected writes tried again',
    ]);
  });

  it('goes on when the server is away for a moment', async () => {
    const url = await tandemThatAnswers([
      run('a', 'working', { work: 1 }),
      502,
      503,
      run('a', 'done', { work: 1, done: 1 }),
    ]);
    const ended = await followRuns(createClient({ url, readToken: undefined, apiToken: undefined }), ['x'], recorder());
    expect(ended.map(({ state }) => state)).toEqual(['done']);
  });

  it('says why a run failed', async () => {
    const url = await tandemThatAnswers([run('a', 'failed', { reason: 'Keap refused the credentials.' })]);
    const output = recorder();
    expect(
      await followRuns(createClient({ url, readToken: undefined, apiToken: undefined }), ['x'], output),
    ).toMatchObject([{ state: 'failed' }]);
    expect(output.lines).toEqual(['a: failed: Keap refused the credentials.']);
  });
});

describe('a run that does not go on', () => {
  const health = (more: object) => ({
    status: 'degraded',
    redis: { state: 'up', warnings: [] },
    brakes: [],
    notes: [],
    systems: { keap: { state: 'up' } },
    ...more,
  });
  const client = (url: string) => createClient({ url, readToken: undefined, apiToken: undefined });
  const follow = async (answers: Parameters<typeof tandemThatAnswers>[0], others: Record<string, unknown>) => {
    const output = recorder();
    const url = await tandemThatAnswers(answers, others);
    await followRuns(client(url), ['x'], output, { still: 1 });
    return output.lines.filter((line) => line.startsWith('note: ')).map((line) => line.slice('note: '.length));
  };
  const still = run('a', 'working', { work: 3, done: 1 });
  const end = run('a', 'done', { work: 3, done: 3 });
  const stood = [still, still, still, still, still, end];

  it('says why, once, and that it goes on without this command', async () => {
    const notes = await follow(stood, {
      '/health/ready': health({
        brakes: ['a', 'other'],
        notes: ['No worker is alive: work is queued, and nobody does it until one is started.'],
        systems: {
          keap: { state: 'down', since: '2026-01-01T00:00:00.000Z', next: '2026-01-01T00:00:30.000Z' },
          shop: { state: 'up' },
        },
      }),
      '/queues?reasons=true': {
        queues: [
          {
            name: 'reconcile-a',
            reasons: [
              { state: 'delayed', reason: 'quota', code: 'SYSTEM_THROTTLED', detail: 'The quota is used up', count: 2 },
              { state: 'failed', code: 'VALUE_REQUIRED', detail: 'A required value is empty', count: 1 },
            ],
          },
          {
            name: 'reconcile-other',
            reasons: [{ state: 'delayed', reason: 'busy', detail: 'Another works', count: 1 }],
          },
        ],
      },
    });
    expect(notes).toEqual([
      expect.stringMatching(/^keap is down since 2026/),
      expect.stringMatching(/^The brake of a is on.*tandem review list/),
      expect.stringMatching(/^No worker is alive/),
      'reconcile-a: 2 delayed (SYSTEM_THROTTLED, quota): The quota is used up',
      'Ctrl-C ends this command only. The run goes on in Tandem: GET /runs/x and tandem status tell how it stands.',
    ]);
  });

  it('gets a note also if its scan begins again, which is no progress', async () => {
    const read = (count: number) => run('a', 'scanning', { read: [count, 0] });
    const reads = [read(10), ...Array.from({ length: 4 }, () => [read(0), read(10)]).flat()];
    const shop = { state: 'down', since: '2026-01-01T00:00:00.000Z', next: '' };
    const notes = await follow([...reads, end], { '/health/ready': health({ systems: { shop } }) });
    expect(notes).toEqual([expect.stringMatching(/^shop is down/), expect.stringMatching(/^Ctrl-C/)]);
  });

  it('gets no note while jobs are done, and none where nothing blocks it', async () => {
    const going = [1, 2, 3, 4, 5].map((done) => run('a', 'working', { work: 5, done }));
    const down = health({ notes: ['The queue reconcile-a is paused.'] });
    const output = recorder();
    await followRuns(client(await tandemThatAnswers([...going, end], { '/health/ready': down })), ['x'], output, {
      still: 5_000,
    });
    expect(output.lines.filter((line) => line.startsWith('note: '))).toEqual([]);
    server?.closeAllConnections();
    server?.close();
    expect(await follow(stood, { '/health/ready': health({}) })).toEqual([]);
  });

  it('waits for Redis as long as Tandem says that it is away', async () => {
    const away = { code: 'UNAVAILABLE' };
    const notes = await follow([still, away, away, end], {
      '/health/ready': health({ redis: { state: 'down', warnings: ['Redis does not answer.'] } }),
    });
    expect(notes).toEqual(['Redis does not answer.', expect.stringMatching(/^Ctrl-C ends this command only/)]);
  });

  it('is followed no longer than asked for', async () => {
    const url = await tandemThatAnswers([still]);
    await expect(followRuns(client(url), ['x'], recorder(), { timeout: 0.01 })).rejects.toMatchObject({
      code: 'TIMEOUT',
      status: 1,
      message: expect.stringContaining('no longer followed'),
      remedy: expect.stringContaining('GET /runs/x'),
    });
    expect(process.listenerCount('SIGINT')).toBe(listeners);
  });
});

describe('a Tandem that is not there', () => {
  it('is an error that says how to start one', async () => {
    const client = createClient({ url: 'http://127.0.0.1:1', readToken: undefined, apiToken: undefined });
    await expect(client.get('/runs')).rejects.toMatchObject({
      code: 'SYSTEM_UNREACHABLE',
      status: 1,
      remedy: expect.stringContaining('tandem start'),
    });
  });

  it('is reported where another program responds under its address', async () => {
    const url = await tandemThatAnswers([404]);
    const client = createClient({ url, readToken: undefined, apiToken: undefined });
    await expect(client.get('/runs/x')).rejects.toMatchObject({
      code: 'SYSTEM_BAD_RESPONSE',
      remedy: expect.stringContaining('TANDEM_URL'),
    });
  });
});

describe('summaryTable', () => {
  it('has a column per side, and none for what did not happen', () => {
    const rows = summaryTable([run('a', 'done'), run('b', 'done')]).split('\n');
    expect(rows.join('\n')).not.toContain('deleted');
    expect(rows.find((row) => row.startsWith('a '))?.split(/ +/)).toEqual([
      'a',
      '0',
      '1',
      '2',
      '3',
      '0',
      '4',
      '5',
      '6',
      '7',
    ]);
  });
});

describe('reasonLines', () => {
  it('tells equal reasons once, the most frequent first', () => {
    const record = (id: string, reason: string) => ({
      mapping: 'm',
      side: 'keap',
      id,
      kind: 'failed' as const,
      code: 'VALUE_TYPE',
      reason,
      since: '',
    });
    const lines = reasonLines([record('1', 'rare'), ...['2', '3', '4', '5'].map((id) => record(id, 'often'))]);
    expect(lines).toEqual([
      '  m: VALUE_TYPE often (keap 2, keap 3, keap 4, and 1 more)',
      '  m: VALUE_TYPE rare (keap 1)',
    ]);
  });
});

describe('agreementOf', () => {
  const fault = { code: 'INTERNAL' as const, message: 'x' };
  const property = (a: object, b: object, rule: Rule, more: object = {}) => ({
    property: 'p',
    type: 'string',
    direction: 'both',
    conflict: 'latest',
    base: true,
    sides: { a: { source: 'p', ...a }, b: { source: 'p', ...b } },
    decision: { rule, ...more },
  });

  it.each([
    [
      'equal values',
      property({ value: 'x', wouldBecome: { value: 'x' } }, { value: 'x', wouldBecome: { value: 'x' } }, 'in-step'),
      'agree',
    ],
    [
      'one conversion that loses detail',
      property({ value: 'ab', wouldBecome: { value: 'a' } }, { value: 'a', wouldBecome: { value: 'a' } }, 'in-step'),
      'agree',
    ],
    [
      'both empty',
      property({ value: null, wouldBecome: { fault } }, { value: '', wouldBecome: { fault } }, 'agreed'),
      'agree',
    ],
    ['nothing known of conversions', property({ value: 'x' }, { value: 'y' }, 'in-step'), 'agree'],
    [
      'a form of its own',
      property({ value: 'a ', wouldBecome: { value: 'a' } }, { value: 'a', wouldBecome: { value: 'a ' } }, 'in-step'),
      'kept',
    ],
    [
      'a follower that may drift',
      property({ value: 'x' }, { value: 'y', wouldBecome: { value: 'x' } }, 'drift'),
      'kept',
    ],
    ['a change that is on its way', property({ value: 'x' }, { value: 'y' }, 'one-changed', { writes: 'b' }), 'differ'],
    ['a follower that is put back', property({ value: 'x' }, { value: 'y' }, 'drift', { writes: 'b' }), 'differ'],
    ['what a person decides', property({ value: 'x' }, { value: 'y' }, 'review'), 'differ'],
    [
      'what cannot be converted',
      property({ value: 'x', wouldBecome: { fault } }, { value: 'y', wouldBecome: { fault } }, 'in-step'),
      'differ',
    ],
  ])('%s: %#', (_, given, agreement) => {
    expect(agreementOf(given)).toBe(agreement);
  });
});

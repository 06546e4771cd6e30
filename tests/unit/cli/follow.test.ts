// Following a run: what is told on the way, a server that goes away meanwhile, and the table at the end.
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { verdictOf } from '../../../cli/checklist.ts';
import { createClient } from '../../../cli/client.ts';
import { followRun, type Run, reasonLines, summaryTable } from '../../../cli/follow.ts';
import type { Output } from '../../../cli/output.ts';

const sides = (keap: number, shop: number) => ({ keap, shop });

function run(
  id: string,
  state: Run['state'],
  change: { work?: number; done?: number; read?: [number, number]; reason?: string } = {},
): Run {
  const { work = 0, done = 0, read = [0, 0], reason } = change;
  return {
    id,
    mapping: id,
    scan: 'full',
    plan: false,
    trigger: 'api',
    state,
    created: '2026-01-01T00:00:00.000Z',
    progress: { read: sides(...read), work, done },
    counts: {
      matched: 1,
      created: sides(2, 3),
      updated: sides(0, 4),
      deleted: sides(0, 0),
      unchanged: 0,
      waiting: 5,
      review: 6,
      failed: 7,
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

/** Answers one after another; the last one again and again. A number is a status without a body of Tandem's. */
async function tandemThatAnswers(answers: readonly (Run | number)[]): Promise<string> {
  let next = 0;
  server = createServer((request, response) => {
    if (!request.url?.startsWith('/runs/')) return void response.writeHead(404).end('{}');
    const answer = answers[Math.min(next++, answers.length - 1)];
    if (typeof answer === 'number') response.writeHead(answer).end('Bad gateway');
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

describe('followRun', () => {
  it('tells each state of each mapping once', async () => {
    const group = (state: Run['state'], ...runs: Run[]): Run => ({ ...run('*', state), runs });
    const url = await tandemThatAnswers([
      group('queued', run('a', 'queued'), run('b', 'queued')),
      group('scanning', run('a', 'scanning', { read: [10, 20] }), run('b', 'queued')),
      group('working', run('a', 'working', { read: [10, 20], work: 5, done: 2 }), run('b', 'scanning')),
      group('done', run('a', 'done', { read: [10, 20], work: 5, done: 5 }), run('b', 'done', { read: [1, 1] })),
    ]);
    const output = recorder();
    const ended = await followRun(createClient({ url, readToken: undefined, apiToken: undefined }), 'x', output);
    expect(ended.state).toBe('done');
    expect(output.lines).toEqual([
      'a: queued',
      'b: queued',
      'a: reading: keap 10, shop 20',
      'a: 2 of 5 records',
      'b: reading: keap 0, shop 0',
      'a: done: 5 records',
      'b: done: read keap 1, shop 1; nothing to do',
    ]);
  });

  it('goes on when the server is away for a moment', async () => {
    const url = await tandemThatAnswers([
      run('a', 'working', { work: 1 }),
      502,
      503,
      run('a', 'done', { work: 1, done: 1 }),
    ]);
    const ended = await followRun(createClient({ url, readToken: undefined, apiToken: undefined }), 'x', recorder());
    expect(ended.state).toBe('done');
  });

  it('says why a run failed', async () => {
    const url = await tandemThatAnswers([run('a', 'failed', { reason: 'Keap refused the credentials.' })]);
    const output = recorder();
    expect((await followRun(createClient({ url, readToken: undefined, apiToken: undefined }), 'x', output)).state).toBe(
      'failed',
    );
    expect(output.lines).toEqual(['a: failed: Keap refused the credentials.']);
  });
});

describe('a Tandem that is not there', () => {
  it('is an error that says how to start one', async () => {
    const client = createClient({ url: 'http://127.0.0.1:1', readToken: undefined, apiToken: undefined });
    await expect(client.get('/runs')).rejects.toMatchObject({
      code: 'SYSTEM_UNREACHABLE',
      status: 1,
      todo: expect.stringContaining('tandem start'),
    });
  });

  it('is not mistaken for another program', async () => {
    const url = await tandemThatAnswers([404]);
    const client = createClient({ url, readToken: undefined, apiToken: undefined });
    await expect(client.get('/runs/x')).rejects.toMatchObject({
      code: 'SYSTEM_ANSWER',
      todo: expect.stringContaining('TANDEM_URL'),
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
      kind: 'failed',
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

describe('verdictOf', () => {
  const fault = { code: 'INTERNAL', message: 'x' };
  const property = (a: object, b: object, rule: string, more: object = {}) => ({
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
    ['nothing told of conversions', property({ value: 'x' }, { value: 'y' }, 'in-step'), 'agree'],
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
  ])('%s: %#', (_, given, verdict) => {
    expect(verdictOf(given)).toBe(verdict);
  });
});

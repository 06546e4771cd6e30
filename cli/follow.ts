/** Follows runs of a running Tandem to their end, and tells what they came to: bars on a terminal, lines in a pipe. */
import { setTimeout as sleep } from 'node:timers/promises';
import progress from 'cli-progress';
import type { PresentedRun } from '../server/present.ts';
import { type Client, path } from './client.ts';
import { asFailure, FAILED, Failure } from './failure.ts';
import { type HeldRecord, reasonWords } from './held.ts';
import { colors, type Output, plain } from './output.ts';
import { type Cell, textTable } from './tables.ts';

export type Run = PresentedRun;

/** Between two looks, in ms. */
const LOOK = 300;
/** Between two lines of the same run in a pipe, in ms. */
const LINE = 2_000;
/** A server that is being restarted comes back within this time, in ms; the run goes on meanwhile. */
const AWAY = 60_000;
/** Runs that stand still for this long are looked into, in ms. */
const STUCK = 3_000;
/** A run that nobody has begun by then waits for a worker, in ms. */
const UNBEGUN = 15_000;

interface Display {
  show(runs: readonly Run[]): void;
  note(text: string): void;
  end(): void;
}

/** @returns the run as it ended; of a group, `runs` holds the runs of its mappings */
export async function followRun(client: Client, id: string, output: Output): Promise<Run> {
  const [run] = await followRuns(client, [id], output);
  return run!;
}

/** @throws Failure where Tandem stays away, or forgot a run */
export async function followRuns(client: Client, ids: readonly string[], output: Output): Promise<Run[]> {
  const display = output.json ? silentDisplay(output) : output.tty ? bars() : lines(output);
  const began = performance.now();
  let hinted = false;
  const troubles = createTroubles(client);
  try {
    for (;;) {
      const runs = await Promise.all(ids.map((id) => look(client, id)));
      display.show(runs.flatMap(leaves));
      if (runs.every(isOver)) return runs;
      if (
        !hinted &&
        performance.now() - began > UNBEGUN &&
        runs.flatMap(leaves).every((run) => run.state === 'queued')
      ) {
        hinted = true;
        display.note('Nothing has begun yet: is a worker running? See tandem status; tandem worker starts one.');
      }
      for (const trouble of await troubles(runs.flatMap(leaves))) display.note(trouble);
      await sleep(LOOK);
    }
  } finally {
    display.end();
  }
}

interface ScanJob {
  readonly data: { readonly run?: string };
  readonly attempts: number;
  readonly attemptsAllowed: number;
  readonly reason?: string;
  readonly until?: string;
}

/** A scan that cannot read waits ever longer for its next try, without any progress that would show why. */
function createTroubles(client: Client): (runs: readonly Run[]) => Promise<string[]> {
  const told = new Map<string, string>();
  let stands = '';
  let since = performance.now();
  return async (runs) => {
    const now = runs.map((run) => JSON.stringify([run.state, run.progress])).join();
    if (now !== stands) since = performance.now();
    stands = now;
    const reading = runs.filter((run) => run.state === 'scanning');
    if (reading.length === 0 || performance.now() - since < STUCK) return [];
    since = performance.now();
    // Only a hint: where it cannot be had, the run is followed without.
    const { jobs } = await client
      .get<{ jobs: ScanJob[] }>('/queues/scan/jobs?state=delayed&limit=100')
      .catch(() => ({ jobs: [] }));
    return reading.flatMap((run) => {
      const job = jobs.find((one) => one.data.run === run.id);
      if (job?.reason === undefined || told.get(run.id) === job.reason) return [];
      told.set(run.id, job.reason);
      const when = [
        ...(job.attempts > 0 ? [`try ${job.attempts} of ${job.attemptsAllowed}`] : []),
        ...(job.until === undefined ? [] : [`again at ${job.until}`]),
      ];
      return [plain(`${run.mapping}: ${job.reason}${when.length > 0 ? ` (${when.join(', ')})` : ''}`)];
    });
  };
}

async function look(client: Client, id: string): Promise<Run> {
  const began = performance.now();
  for (;;) {
    try {
      return await client.get<Run>(path('runs', id));
    } catch (error) {
      const failure = asFailure(error);
      const away =
        failure.code === 'SYSTEM_UNREACHABLE' || failure.code === 'SYSTEM_ANSWER' || failure.code === 'INTERNAL';
      if (!away) throw error;
      if (performance.now() - began > AWAY) {
        throw new Failure(
          failure.code,
          `${failure.message} Run ${id} goes on where workers run.`,
          failure.todo,
          FAILED,
          error,
        );
      }
      await sleep(LOOK * 3);
    }
  }
}

export const isOver = (run: Run): boolean => run.state === 'done' || run.state === 'failed';

/** The runs of single mappings. */
export const leaves = (run: Run): readonly Run[] => run.runs ?? [run];

const readWords = (run: Run): string =>
  run.scan === 'backfill'
    ? `${Object.values(run.progress.read).reduce((sum, count) => sum + count, 0)} links`
    : Object.entries(run.progress.read)
        .map(([side, count]) => `${side} ${count}`)
        .join(', ');

/** What a backfill is for: `added: fax; changed: phone`. */
export const changeWords = ({ changes }: Run): string =>
  Object.entries(changes ?? {})
    .flatMap(([what, names]) => (names.length > 0 ? [`${what}: ${names.join(', ')}`] : []))
    .join('; ');

function stateWords(run: Run): string {
  const { work, done } = run.progress;
  switch (run.state) {
    case 'queued':
      return 'queued';
    case 'scanning':
      return `reading: ${readWords(run)}`;
    case 'working':
      return `${done} of ${work} records`;
    case 'failed':
      return `failed: ${run.reason ?? 'no reason is known'}`;
    case 'done':
      return work === 0
        ? `done: read ${readWords(run)}; ${run.reason === undefined ? 'nothing to do' : 'nothing to do beside what is told below'}`
        : `done: ${done} records`;
  }
}

// ---------------------------------------------------------------- displays

const silentDisplay = (output: Output): Display => ({ show() {}, note: output.note, end() {} });

/** One line whenever a run enters another state, and now and then in between. */
function lines(output: Output): Display {
  const told = new Map<string, { state: string; words: string; at: number }>();
  return {
    show(runs) {
      for (const run of runs) {
        const words = stateWords(run);
        const before = told.get(run.id);
        const due =
          before === undefined ||
          before.state !== run.state ||
          (before.words !== words && performance.now() - before.at > LINE);
        if (!due) continue;
        told.set(run.id, { state: run.state, words, at: performance.now() });
        output.line(plain(`${run.mapping}: ${words}`));
      }
    },
    note: output.note,
    end() {},
  };
}

function bars(): Display {
  const multi = new progress.MultiBar({
    format: '{mapping} {bar} {words}',
    barsize: 24,
    hideCursor: true,
    clearOnComplete: false,
    autopadding: true,
    barCompleteChar: '█',
    barIncompleteChar: '░',
    stopOnComplete: false,
    // The terminal cuts what is too long; a wrapped line would break the picture.
    linewrap: false,
  });
  const all = new Map<string, progress.SingleBar>();
  return {
    show(runs) {
      const width = Math.max(...runs.map((run) => run.mapping.length));
      for (const run of runs) {
        const total = Math.max(run.progress.work, 1);
        const value = run.state === 'done' ? total : Math.min(run.progress.done, total);
        const paint = run.state === 'failed' ? colors.red : run.state === 'done' ? colors.green : colors.cyan;
        const payload = { mapping: run.mapping.padEnd(width), words: paint(plain(stateWords(run))) };
        const bar = all.get(run.id) ?? multi.create(total, 0, payload);
        all.set(run.id, bar);
        bar.setTotal(total);
        bar.update(value, payload);
      }
    },
    note: (text) => multi.log(`${text}\n`),
    end() {
      multi.update();
      multi.stop();
    },
  };
}

// ---------------------------------------------------------------- what they came to

/** The table of what each mapping's run did, or would do. */
export function summaryTable(runs: readonly Run[]): string {
  const rows = runs.flatMap(leaves);
  const sides = [...new Set(rows.flatMap((run) => Object.keys(run.counts.created)))];
  const has = (of: (run: Run) => number): boolean => rows.some((run) => of(run) > 0);
  const perSide = (what: 'created' | 'updated' | 'deleted', words: string): Column[] =>
    sides.map((side) => ({ head: `${words}\n${side}`, of: (run) => run.counts[what][side] ?? '' }));
  const columns: Column[] = [
    { head: 'mapping', of: (run) => run.mapping },
    { head: 'read', of: (run) => Object.values(run.progress.read).reduce((sum, count) => sum + count, 0) },
    { head: 'matched', of: (run) => run.counts.matched },
    ...perSide('created', 'created'),
    ...perSide('updated', 'updated'),
    ...(has((run) => (Object.values(run.counts.deleted).some((count) => count > 0) ? 1 : 0))
      ? perSide('deleted', 'deleted')
      : []),
    ...(has((run) => run.counts.conflicts)
      ? [{ head: 'conflicts\ndecided', of: (run: Run) => run.counts.conflicts }]
      : []),
    { head: 'waiting', of: (run) => run.counts.waiting },
    { head: 'in\nreview', of: (run) => run.counts.review },
    { head: 'failed', of: (run) => run.counts.failed },
  ];
  return textTable(
    columns.map((column) => column.head),
    rows.map((run) => columns.map((column) => column.of(run))),
  );
}

interface Column {
  readonly head: string;
  readonly of: (run: Run) => Cell;
}

/** How many reasons of failed records are told; the rest is one line. */
const REASONS = 15;

/** Equal reasons once, the most frequent first, each with some of its records. */
export function reasonLines(records: readonly HeldRecord[], most = REASONS): string[] {
  const groups = new Map<string, HeldRecord[]>();
  for (const record of records) {
    const key = `${record.mapping}: ${reasonWords(record)}`;
    groups.set(key, [...(groups.get(key) ?? []), record]);
  }
  const sorted = [...groups].sort(([, a], [, b]) => b.length - a.length);
  const shown = sorted.slice(0, most).map(([words, same]) => {
    const ids = same.slice(0, 3).map((record) => `${record.side} ${record.id}`);
    const more = same.length > ids.length ? `, and ${same.length - ids.length} more` : '';
    return plain(`  ${words} (${ids.join(', ')}${more})`);
  });
  return sorted.length > most ? [...shown, `  and ${sorted.length - most} other reasons`] : shown;
}

/** Prints the table, why records failed, and what the runs themselves have to say. */
export function printSummary(runs: readonly Run[], failed: readonly HeldRecord[], output: Output): void {
  output.line();
  output.line(summaryTable(runs));
  for (const run of runs.flatMap(leaves)) {
    if (run.changes !== undefined) output.line(plain(`\n${run.mapping}: ${changeWords(run)}`));
    if (run.reason !== undefined) output.line(colors.yellow(plain(`\n${run.mapping}: ${run.reason}`)));
  }
  if (failed.length > 0) {
    output.line('\nFailed:');
    for (const line of reasonLines(failed)) output.line(line);
  }
}

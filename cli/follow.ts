/** Follows runs of a running Tandem to their end, and tells what they came to: bars on a terminal, lines in a pipe. */
import { setTimeout as sleep } from 'node:timers/promises';
import progress from 'cli-progress';
import type { RecordIssue, Run } from '../api/index.ts';
import { asFailure, FAILED, Failure } from './failure.ts';
import { reasonWords } from './format/issue-lines.ts';
import { colors, type Output, plain } from './format/output.ts';
import { stallReport } from './format/stall-report.ts';
import { type Cell, textTable } from './format/terminal-table.ts';
import { type Client, path } from './http-client.ts';

/** Between two looks, in ms. */
const LOOK = 300;
/** Between two lines of the same run in a pipe, in ms. */
const LINE = 2_000;
/** The longest time that a timer knows, in ms. */
const LONGEST = 2 ** 31 - 1;
/** A server that is being restarted comes back within this time, in ms; the run goes on meanwhile. */
const AWAY = 60_000;

interface Display {
  show(runs: readonly Run[]): void;
  note(text: string): void;
  end(): void;
}

export interface FollowOptions {
  /** Seconds after which it is no longer followed. */
  readonly timeout?: number | undefined;
  /** ms without progress after which the reason is shown. */
  readonly still?: number | undefined;
}

/**
 * Follows runs to their end. A signal ends the following, and this process as it does by itself; the runs go on.
 * @returns the runs as they ended, in the order of `ids`; of a group, `runs` holds the runs of its mappings
 * @throws Failure where Tandem stays away, or forgot a run; TIMEOUT
 */
export async function followRuns(
  client: Client,
  ids: readonly string[],
  output: Output,
  { timeout, still }: FollowOptions = {},
): Promise<Run[]> {
  const display = output.json ? silentDisplay(output) : output.tty ? bars() : lines(output);
  const watch = stallReport(client, `Ctrl-C ends this command only. ${followHint(ids)}`, still);
  const stop = stopOn(timeout);
  let away: number | undefined;
  try {
    for (;;) {
      const seen = await look(client, ids, stop.signal);
      if (stop.timedOut())
        throw new Failure(
          'TIMEOUT',
          `It is not done after ${timeout} s, and no longer followed.`,
          followHint(ids),
          FAILED,
        );
      if (stop.signal.aborted) break;
      if (seen instanceof Failure) {
        away ??= performance.now();
        // Without Redis nothing is done, however long: there is a Tandem that says so, and waits for it.
        if (seen.code !== 'UNAVAILABLE' && performance.now() - away > AWAY)
          throw new Failure(seen.code, `${seen.message} ${followHint(ids)}`, seen.remedy, FAILED, seen);
      } else {
        away = undefined;
        display.show(seen.flatMap(leaves));
        if (seen.every(isOver)) return seen;
      }
      for (const line of await watch(seen instanceof Failure ? seen : seen.flatMap(leaves))) display.note(line);
      await sleep(seen instanceof Failure ? LOOK * 3 : LOOK, undefined, { signal: stop.signal }).catch(() => {});
    }
  } finally {
    display.end();
    stop.end();
  }
  output.note(followHint(ids));
  process.kill(process.pid, stop.signal.reason as NodeJS.Signals);
  return new Promise(() => {});
}

/** How runs that nobody follows are looked at. */
export const followHint = (ids: readonly string[]): string =>
  `${ids.length === 1 ? 'The run goes' : 'The runs go'} on in Tandem: ${ids.map((id) => `GET ${path('runs', id)}`).join(', ')} and tandem status tell how it stands.`;

/** Aborted with the signal that came; after the time it is aborted without one. */
function stopOn(timeout: number | undefined) {
  const stop = new AbortController();
  const listener = (signal: NodeJS.Signals): void => stop.abort(signal);
  const timer = timeout === undefined ? undefined : setTimeout(() => stop.abort(), Math.min(timeout * 1_000, LONGEST));
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, listener);
  return {
    signal: stop.signal,
    timedOut: () => stop.signal.aborted && typeof stop.signal.reason !== 'string',
    end() {
      clearTimeout(timer);
      for (const signal of ['SIGINT', 'SIGTERM'] as const) process.off(signal, listener);
    },
  };
}

/** @returns the runs, or why they cannot be had just now */
async function look(client: Client, ids: readonly string[], signal: AbortSignal): Promise<Run[] | Failure> {
  try {
    return await Promise.all(ids.map((id) => client.get<Run>(path('runs', id), [], signal)));
  } catch (error) {
    const failure = asFailure(error);
    if (PASSING.includes(failure.code)) return failure;
    throw error;
  }
}

/** Codes of a Tandem that restarts or has no Redis, and of a proxy before it. */
const PASSING: readonly string[] = ['SYSTEM_UNREACHABLE', 'SYSTEM_BAD_RESPONSE', 'INTERNAL', 'UNAVAILABLE', 'TIMEOUT'];

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
  const { work, done, retried } = run.progress;
  const again =
    retried === 0 ? '' : `; ${retried === 1 ? '1 rejected write' : `${retried} rejected writes`} tried again`;
  switch (run.state) {
    case 'queued':
      return 'queued';
    case 'scanning':
      return `reading: ${readWords(run)}`;
    case 'working':
      return `${done} of ${work} records${again}`;
    case 'failed':
      return `failed: ${run.reason ?? 'no reason is known'}`;
    case 'done':
      return work === 0
        ? `done: read ${readWords(run)}; ${run.reason === undefined ? 'nothing to do' : 'nothing to do beside what is shown below'}${again}`
        : `done: ${done} records${again}`;
  }
}

// ---------------------------------------------------------------- displays

const silentDisplay = (output: Output): Display => ({ show() {}, note: output.note, end() {} });

/** One line whenever a run enters another state, and now and then in between. */
function lines(output: Output): Display {
  const reported = new Map<string, { state: string; words: string; at: number }>();
  return {
    show(runs) {
      for (const run of runs) {
        const words = stateWords(run);
        const before = reported.get(run.id);
        const due =
          before === undefined ||
          before.state !== run.state ||
          (before.words !== words && performance.now() - before.at > LINE);
        if (!due) continue;
        reported.set(run.id, { state: run.state, words, at: performance.now() });
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
    // Signals are this command's own to answer.
    gracefulExit: false,
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

/** How many reasons of failed records are shown; the rest is one line. */
const REASONS = 15;

/** Equal reasons once, the most frequent first, each with some of its records. */
export function reasonLines(records: readonly RecordIssue[], most = REASONS): string[] {
  const groups = new Map<string, RecordIssue[]>();
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
/** Where items stand of which no record can be made, each with its reason. */
function itemWords(side: string, { count, first }: NonNullable<Run['unidentified']>[string]): string {
  const places = first.map(({ page, position, reason }) => `  page ${page}, item ${position}: ${reason}`);
  const rest = count > first.length ? [`  and ${count - first.length} more`] : [];
  return [
    `${count} of the list of ${side} without a usable id ${count === 1 ? 'is' : 'are'} left out:`,
    ...places,
    ...rest,
  ].join('\n');
}

export function printSummary(runs: readonly Run[], failed: readonly RecordIssue[], output: Output): void {
  output.line();
  output.line(summaryTable(runs));
  for (const run of runs.flatMap(leaves)) {
    if (run.changes !== undefined) output.line(plain(`\n${run.mapping}: ${changeWords(run)}`));
    if (run.reason !== undefined) output.line(colors.yellow(plain(`\n${run.mapping}: ${run.reason}`)));
    for (const [side, items] of Object.entries(run.unidentified ?? {}))
      output.line(colors.yellow(plain(`\n${run.mapping}: ${itemWords(side, items)}`)));
  }
  if (failed.length > 0) {
    output.line('\nFailed:');
    for (const line of reasonLines(failed)) output.line(line);
  }
}

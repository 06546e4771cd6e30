/** Begins runs in a running Tandem and follows them: what `sync` and `plan` share. */
import type { Command } from 'commander';
import type { IssueReason, RecordIssue, Run, Triggered } from '../api/index.ts';
import type { CommandContext } from './command.ts';
import { FAILED, Failure, OK } from './failure.ts';
import { followHint, followRuns, leaves, printSummary } from './follow.ts';
import { issuesBefore, reasonTable, recordIssues } from './format/issue-lines.ts';
import { wholeNumber } from './format/numbers.ts';
import { printPlan, readPlans } from './format/plan-lines.ts';
import { type Client, path } from './http-client.ts';

export interface TriggerOptions {
  readonly full?: boolean;
  readonly backfill?: boolean;
  readonly plan?: boolean;
  /** The first sync may create as much as there is. */
  readonly allowCreates?: boolean;
  /** Of one record: its side and id. */
  readonly side?: string;
  readonly id?: string;
  /** Show every entry of a plan. */
  readonly all?: boolean;
  /** False: tell the run and leave it. */
  readonly wait?: boolean;
  /** Seconds after which it is no longer followed. */
  readonly timeout?: number;
}

/** How long a command follows what it began. */
export const following = (command: Command): Command =>
  command
    .option('--no-wait', 'do not wait until it is done')
    .option('--timeout <seconds>', 'follow it no longer than this; it goes on', wholeNumber);

/** Failed records that a summary tells of, per mapping at most. */
const FAILED_SHOWN = 200;

/** @returns the exit status: a record that failed waits with its reason and fails no run */
export async function triggerAndFollow(
  { client, output }: CommandContext,
  options: TriggerOptions,
  mappings: readonly string[],
): Promise<number> {
  const plan = options.plan === true;
  const begun = await begin(client, mappings, options);
  for (const run of begun.filter((one) => !one.started)) {
    output.note(`${run.mapping}: a run that does the same is under way already; this follows it.`);
  }
  const ids = begun.map((run) => run.id);
  if (options.wait === false) {
    output.result({ runs: begun }, () =>
      [
        ...begun.map((run) => `${run.mapping === '*' ? 'all mappings' : run.mapping}: run ${run.id}`),
        followHint(ids),
      ].join('\n'),
    );
    return OK;
  }
  const runs = (await followRuns(client, ids, output, { timeout: options.timeout })).flatMap(leaves);
  const failed = plan ? [] : await failedRecords(client, runs);
  const plans = plan ? await readPlans(client, runs, options.all === true) : [];
  const before = plan ? [] : await issuesSince(client, runs, failed);
  if (output.json) output.result({ runs, ...(plan ? { plans } : { failed, before }) }, () => '');
  else {
    printSummary(runs, failed, output);
    if (plan) printPlan(plans, output);
    if (before.length > 0)
      output.line(`\nFrom before this sync (tandem records --list names them):\n${reasonTable(before)}`);
  }
  return runs.some((run) => run.state === 'failed') ? FAILED : OK;
}

/** What waited or failed before these runs began, and still does; without what is reported as failed anyway. */
async function issuesSince(
  client: Client,
  runs: readonly Run[],
  failed: readonly RecordIssue[],
): Promise<readonly IssueReason[]> {
  const begun = runs.map((run) => run.createdAt).sort()[0];
  if (begun === undefined) return [];
  const mappings = runs.map((run) => run.mapping);
  const reported = new Set(failed.map((one) => one.mapping));
  return (await issuesBefore(client, mappings, begun)).filter(
    (one) => one.kind !== 'failed' || !reported.has(one.mapping),
  );
}

/** One run for all mappings, which ends when what they cause in each other is done too; else one per mapping named. */
async function begin(
  client: Client,
  mappings: readonly string[],
  { full, backfill, plan = false, allowCreates, side, id }: TriggerOptions,
): Promise<Triggered[]> {
  if (full && backfill) {
    throw new Failure(
      'BAD_REQUEST',
      '--full and --backfill cannot go together.',
      'A full scan reads both systems; a backfill looks through the links only. Ask for one after the other.',
    );
  }
  if (allowCreates && (plan || side !== undefined || id !== undefined)) {
    throw new Failure(
      'BAD_REQUEST',
      '--allow-creates cannot go with --plan, --side or --id.',
      'It allows the first sync of the whole mapping. Look at the plan first, then: tandem sync --full --allow-creates',
    );
  }
  const scan = full ? 'full' : backfill ? 'backfill' : 'changes';
  if (side !== undefined || id !== undefined) {
    const [mapping] = mappings;
    if (side === undefined || id === undefined || mapping === undefined || mappings.length > 1) {
      throw new Failure(
        'BAD_REQUEST',
        'One record is named by one mapping, --side and --id.',
        'For example: tandem sync company-customer --side keap --id 17',
      );
    }
    return [await client.post<Triggered>(path('triggers', mapping), { record: { side, id }, plan })];
  }
  const what = { scan, plan, ...(allowCreates ? { allowCreates } : {}) };
  if (mappings.length === 0) return [await client.post<Triggered>('/triggers', what)];
  const begun: Triggered[] = [];
  for (const mapping of new Set(mappings)) begun.push(await client.post<Triggered>(path('triggers', mapping), what));
  return begun;
}

/** Records of these mappings that failed, where some did. */
export async function failedRecords(client: Client, runs: readonly Run[]): Promise<readonly RecordIssue[]> {
  const some = runs.filter((run) => run.counts.failed > 0);
  return (await Promise.all(some.map((run) => recordIssues(client, run.mapping, 'failed', FAILED_SHOWN)))).flat();
}

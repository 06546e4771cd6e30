/** Begins runs in a running Tandem and follows them: what `sync` and `plan` share. */
import type { Command } from 'commander';
import { type Client, path } from './client.ts';
import type { CommandContext } from './command.ts';
import { FAILED, OK } from './failure.ts';
import { followRuns, type HeldRecord, leaves, printSummary, type Run } from './follow.ts';
import { heldRecords } from './held.ts';
import { printPlan, readPlans } from './plans.ts';

export interface TriggerOptions {
  readonly full?: boolean;
  readonly plan?: boolean;
  readonly record?: string;
  readonly side?: string;
  readonly all?: boolean;
}

/** The options that both commands take. */
export const triggerOptions = (command: Command): Command =>
  command.option('--full', 'read everything, not only what changed since the last time');

/** Failed records that a summary tells of, per mapping at most. */
const FAILED_SHOWN = 200;

export async function triggerAndFollow(
  { client, output }: CommandContext,
  options: TriggerOptions,
  mappings: readonly string[],
): Promise<number> {
  const plan = options.plan === true;
  const begun = await begin(client, mappings, options.full ? 'full' : 'changes', plan);
  for (const run of begun.filter((one) => one.fresh === false)) {
    output.note(`${run.mapping}: a run that does the same is under way already; this follows it.`);
  }
  const runs = await followRuns(
    client,
    begun.map((run) => run.id),
    output,
  );
  const ended = runs.flatMap(leaves);
  const held = plan ? [] : await failedRecords(client, ended);
  const plans = plan ? await readPlans(client, ended, options.all === true) : [];
  if (output.json) output.result({ runs: ended, ...(plan ? { plans } : { failed: held }) }, () => '');
  else {
    printSummary(ended, held, output);
    if (plan) printPlan(plans, output);
  }
  return ended.some((run) => run.state === 'failed') ? FAILED : OK;
}

type Begun = Run & { readonly fresh?: boolean };

/** One run for all mappings, which ends when what they cause in each other is done too; else one per mapping named. */
async function begin(client: Client, mappings: readonly string[], scan: string, plan: boolean): Promise<Begun[]> {
  if (mappings.length === 0) return [await client.post<Begun>('/triggers', { scan, plan })];
  const begun: Begun[] = [];
  for (const mapping of new Set(mappings)) begun.push(await client.post<Begun>(path('triggers', mapping), { scan, plan }));
  return begun;
}

async function failedRecords(client: Client, runs: readonly Run[]): Promise<HeldRecord[]> {
  const some = runs.filter((run) => run.counts.failed > 0);
  return (await Promise.all(some.map((run) => heldRecords(client, run.mapping, 'failed', FAILED_SHOWN)))).flat();
}

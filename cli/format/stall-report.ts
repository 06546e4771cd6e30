/** Why runs that are followed do not go on: what Tandem tells of Redis, systems, brakes, workers and queues. */
import type { Health, JobPage, Queue, QueuePage } from '../../api/index.ts';
import { asFailure, type Failure } from '../failure.ts';
import type { Client } from '../http-client.ts';
import { systemNotes } from './health-lines.ts';
import { plain } from './output.ts';

/** Of a run, what this looks at. */
export interface RunProgress {
  readonly id: string;
  readonly mapping: string;
  readonly state: string;
  readonly progress: { readonly read: Readonly<Record<string, number>>; readonly work: number; readonly done: number };
}

/** A scan that stands still for this long is looked into, in ms: it may wait for its next try. */
const READING = 3_000;
/** Runs that stand still for this long are looked into as a whole, in ms. */
export const STILL = 10_000;

/**
 * To be asked with each look: the runs as they are, or why they could not be had.
 * @param still ms without progress after which the reasons are reported
 * @param followHint what is said together with them
 * @returns lines to be shown; each once, until something goes on again
 */
export function stallReport(
  client: Client,
  followHint: string,
  still = STILL,
): (runs: readonly RunProgress[] | Failure) => Promise<string[]> {
  const reached = new Map<string, number[]>();
  let since = performance.now();
  let looked = since;
  let reported = new Set<string>();
  let mappings: ReadonlySet<string> = new Set();
  return async (seen) => {
    const now = performance.now();
    if (Array.isArray(seen)) {
      const runs = seen as readonly RunProgress[];
      mappings = new Set(runs.map((run) => run.mapping));
      if (runs.filter((run) => advances(reached, run)).length > 0) {
        since = looked = now;
        reported = new Set();
      }
    }
    const patience = Math.min(still, READING);
    if (now - looked < patience) return [];
    looked = now;
    const lines = [
      ...(Array.isArray(seen) ? await scanReasons(client, seen) : []),
      ...(now - since < still ? [] : await reasons(client, mappings)),
    ].filter((line) => !reported.has(gist(line)));
    if (lines.length === 0) return [];
    for (const line of lines) reported.add(gist(line));
    // Who reads why nothing goes on wonders whether to wait.
    if (now - since < still || reported.has(followHint)) return lines;
    reported.add(followHint);
    return [...lines, followHint];
  };
}

const STATES = ['queued', 'scanning', 'working', 'failed', 'done'];

/** A scan that is tried again reads what it has read before: only what was never reached is progress. */
function advances(reached: Map<string, number[]>, { id, state, progress: { read, work, done } }: RunProgress): boolean {
  const sum = Object.values(read).reduce((all, one) => all + one, 0);
  const now = [STATES.indexOf(state), sum, work, done];
  const before = reached.get(id);
  reached.set(
    id,
    now.map((count, i) => Math.max(count, before?.[i] ?? 0)),
  );
  return before === undefined || now.some((count, i) => count > (before[i] ?? 0));
}

/** Counts and times change while nothing goes on, which is no news. */
const gist = (line: string): string => line.replace(/\d+/g, '#');

/** A scan that cannot read waits ever longer for its next try, without any progress that would show why. */
async function scanReasons(client: Client, runs: readonly RunProgress[]): Promise<string[]> {
  const reading = runs.filter((run) => run.state === 'scanning');
  if (reading.length === 0) return [];
  // Only a hint: where it cannot be had, the run is followed without.
  const { jobs } = await client
    .get<Pick<JobPage, 'jobs'>>('/queues/scan/jobs?state=delayed&limit=100')
    .catch(() => ({ jobs: [] }));
  return reading.flatMap((run) => {
    const job = jobs.find((one) => one.data.run === run.id);
    if (job?.detail === undefined) return [];
    const when = [
      ...(job.attempts > 0 ? [`try ${job.attempts} of ${job.attemptsAllowed}`] : []),
      ...(job.until === undefined ? [] : [`again at ${job.until}`]),
    ];
    return [plain(`${run.mapping}: ${job.detail}${when.length > 0 ? ` (${when.join(', ')})` : ''}`)];
  });
}

async function reasons(client: Client, mappings: ReadonlySet<string>): Promise<string[]> {
  let health: Health;
  try {
    health = await client.get<Health>('/health/ready', [503]);
  } catch (error) {
    return [asFailure(error).message];
  }
  const { redis, brakes = [], notes = [] } = health;
  if (redis.state === 'down') return redis.warnings.map(plain);
  const { queues } = await client.get<Pick<QueuePage, 'queues'>>('/queues?reasons=true').catch(() => ({ queues: [] }));
  return [
    ...systemNotes(health),
    ...brakes
      .filter((mapping) => mappings.has(mapping))
      .map(
        (mapping) =>
          `The brake of ${mapping} is on: nothing of it is written until it is answered (tandem review list).`,
      ),
    ...notes,
    ...queues.flatMap((queue) => keptBack(queue, mappings)),
  ].map(plain);
}

/** What keeps jobs of these mappings back, where health does not say it already. */
function keptBack({ name, reasons = [] }: Queue, mappings: ReadonlySet<string>): string[] {
  if (![...mappings].some((mapping) => name === `reconcile-${mapping}`)) return [];
  return reasons
    .filter(({ state, reason }) => state === 'delayed' || (state === 'waiting' && reason === 'version'))
    .map(({ state, reason, code, count, detail }) => {
      const words = [code, reason].filter(Boolean).join(', ');
      return `${name}: ${count} ${state}${words === '' ? '' : ` (${words})`}: ${detail}`;
    });
}

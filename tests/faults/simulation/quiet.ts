/** Lets the engine come to rest: no faults, all processes up, waiting times over, full scans until they find no work. */

import { setTimeout as sleep } from 'node:timers/promises';
import type { Job } from 'bullmq';
import type { BrakeAnswer } from '../../../engine/store/brake.ts';
import type { Run } from '../../../engine/store/runs.ts';
import { answerBrake } from '../../../engine/sync/brake-answer.ts';
import { createByHand, linkByHand } from '../../../engine/sync/manual.ts';
import { mappingScope } from '../../../engine/sync/mapping-scope.ts';
import { linksIn } from '../../support/links.ts';
import type { Model, Thing } from './model.ts';
import type { Setting } from './setting.ts';
import { find, type Place, pairs } from './things.ts';

/** How often is looked whether all is done, in ms, and after how many looks work is going round in circles. */
const LOOK = 25;
const PATIENCE = 7_200;
const ROUNDS = 12;
const MAPPINGS = Object.keys(pairs);

export interface Scan {
  readonly work: number;
  readonly writes: number;
  readonly failed: readonly string[];
}

/**
 * @param answer to a brake that is on though nothing goes wrong any more
 * @returns broken promises: work that never ends
 */
export async function becomeQuiet(setting: Setting, model: Model, answer: BrakeAnswer = 'continue'): Promise<string[]> {
  // Most is written while nobody edits any more: what passes by itself is to be met then, too.
  const passing = [setting.keap, setting.shop].some(
    ({ faults, behaviours }) =>
      behaviours.list().some(({ behaviour }) => behaviour === 'lag') ||
      faults.list().some(({ lastsMs }) => lastsMs !== undefined),
  );
  const early = passing ? await idle(setting) : [];
  if (early.length > 0) return early;
  for (const { faults, webhooks, behaviours } of [setting.keap, setting.shop]) {
    faults.clear();
    webhooks.configure(null);
    for (const { id, behaviour } of behaviours.list()) if (behaviour === 'lag') behaviours.clear(id);
    behaviours.settle();
  }
  const restless = await idle(setting);
  if (restless.length > 0) return restless;
  const seen: string[] = [];
  for (let round = 0, quiet = 0; round < ROUNDS; round++) {
    const scan = await fullScan(setting);
    if (typeof scan === 'string') return [scan];
    seen.push(
      `${scan.work} jobs, ${scan.writes} writes${scan.failed.length > 0 ? `, failed: ${scan.failed.join('; ')}` : ''}`,
    );
    if (await answerBrakes(setting, model, answer)) continue;
    if (await answerDoubts(setting, model)) continue;
    quiet = scan.work === 0 && scan.writes === 0 && scan.failed.length === 0 ? quiet + 1 : 0;
    // Whether a further scan finds work is then checked as a promise.
    if (quiet === 1) return [];
  }
  return [`P1/P2 it never becomes quiet; full scans in a row: ${seen.join(' | ')}`];
}

/** @returns whether there was a brake to answer */
async function answerBrakes({ engine }: Setting, model: Model, answer: BrakeAnswer): Promise<boolean> {
  let answered = false;
  for (const name of MAPPINGS) {
    if (!(await engine.links(name).brake.on())) continue;
    answered = true;
    model.brakes++;
    if (answer === 'discard') {
      for (const thing of model.things.values()) if (thing.deleted.size > 0) thing.discarded = true;
    }
    await answerBrake(mappingScope(engine.context({ owner: 'people' }), engine.mapping(name)), answer);
  }
  return answered;
}

/** Where a create has lost its answer and nothing tells its result, people look: they know which records belong together. */
async function answerDoubts({ engine, stores }: Setting, model: Model): Promise<boolean> {
  const context = engine.context({ owner: 'people' });
  let answered = false;
  for (const thing of model.things.values()) {
    for (const [name, places] of Object.entries(pairs)) {
      for (const side of [0, 1] as const) {
        for (const { id } of find(stores, places[side], thing.name)) {
          const issue = await linksIn(engine.links(name)).issue(side, String(id));
          if (issue?.kind !== 'review' || issue.code !== 'OUTCOME_UNKNOWN') continue;
          const mapping = engine.mapping(name);
          const [first, second] = places.map((place) => find(stores, place, thing.name)[0]);
          const other = side === 0 ? 1 : 0;
          // What was made of a record that was deleted meanwhile stays in review beside its thing's own record.
          if (first && second && ![first.id, second.id].includes(id)) continue;
          if (first && second) await linkByHand(mappingScope(context, mapping), [String(first.id), String(second.id)]);
          else if (mapping.sides[other].create && !isGone(thing, places[other]))
            await createByHand(mappingScope(context, mapping), { side, id: String(id) });
          // What was deleted or merged is not made again: it stays in review.
          else continue;
          answered = true;
          model.doubts++;
        }
      }
    }
  }
  return answered;
}

const isGone = ({ deleted, merged }: Thing, place: Place): boolean => deleted.has(place) || merged.has(place);

/** One full scan of every mapping, until all that came of it is done; a text where it cannot end. */
export async function fullScan(setting: Setting): Promise<Scan | string> {
  const { engine } = setting;
  const before = setting.writes();
  const runs: string[] = [];
  for (const mapping of MAPPINGS) {
    const { run, started } = await engine.trigger({ mapping, scan: 'full' });
    if (!started)
      return `P10 a run of ${mapping} never ends, so it is never scanned again: ${await describeRun(setting, run)}`;
    runs.push(run.id);
  }
  const restless = await idle(setting);
  if (restless.length > 0) return restless.join('\n');
  let work = 0;
  const failed: string[] = [];
  for (const id of runs) {
    const run = await engine.runs.get(id);
    if (!run || (run.state !== 'done' && run.state !== 'failed'))
      return `P10 nothing is queued, but a run is not over: ${run ? await describeRun(setting, run) : id}`;
    work += run.progress.work;
    if (run.state === 'failed') failed.push(`${run.mapping}: ${run.reason}`);
  }
  return { work, writes: setting.writes() - before, failed };
}

/** A run and what its group still waits for. */
async function describeRun({ engine }: Setting, run: Run): Promise<string> {
  const keys = `${engine.prefix}:{runs}:`;
  const group = (await engine.redis.hget(`${keys}${run.id}`, 'group')) ?? run.id;
  const [pending, members, open] = await Promise.all([
    engine.redis.smembers(`${keys}${group}:pending`),
    engine.redis.smembers(`${keys}${group}:members`),
    engine.redis.hget(`${keys}${group}`, 'open'),
  ]);
  return JSON.stringify({ pending, members, open, run });
}

/**
 * Waits until nothing is queued or under way. Waiting times (retries, quotas) are cut short: that they pass is not in
 * question.
 */
export async function idle(setting: Setting): Promise<string[]> {
  const { engine, keap, shop } = setting;
  const queues = [engine.queues.scan, ...MAPPINGS.map((name) => engine.queues.reconcile(name))];
  for (let quiet = 0, turn = 0; quiet < 3; turn++) {
    const counts = await Promise.all(
      queues.map((queue) => queue.getJobCounts('waiting', 'active', 'delayed', 'prioritized')),
    );
    const pending = [keap, shop].some(
      ({ webhooks, behaviours }) => webhooks.counts().pending > 0 || behaviours.pending > 0,
    );
    const marked = await Promise.all(MAPPINGS.map(async (name) => (await engine.dirty.stats(name)).count));
    const busy = pending || [...marked, ...counts.flatMap((count) => Object.values(count))].some((n) => n > 0);
    quiet = busy ? 0 : quiet + 1;
    // Looks, not time: on a machine that has none to spare they are slow as well.
    if (busy && turn > PATIENCE) return ['P1 work never ends', ...(await unfinished(queues))];
    if (turn % 8 === 0) {
      await engine.redis.del(`${engine.prefix}:{keap}:throttle`, `${engine.prefix}:{customwebshop}:throttle`);
      for (const queue of queues) await queue.promoteJobs();
    }
    await sleep(LOOK);
  }
  return [];
}

async function unfinished(
  queues: readonly { getJobs(types: ('waiting' | 'active' | 'delayed')[]): Promise<Job[]> }[],
): Promise<string[]> {
  const lines: string[] = [];
  for (const queue of queues) {
    for (const job of await queue.getJobs(['waiting', 'active', 'delayed'])) {
      lines.push(
        `  ${job.queueName} ${JSON.stringify(job.data)} is ${await job.getState()} after ${job.attemptsMade} tries: ${job.failedReason ?? 'no failure'}`,
      );
    }
  }
  return lines;
}

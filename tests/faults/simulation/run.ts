/** Runs one schedule against a setting of its own, with two worker processes, and tells which promises were broken. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Crew, Worker } from './crew.ts';
import type { DurableRedis } from './durable-redis.ts';
import { createModel } from './model.ts';
import type { WorkOrder } from './orders.ts';
import { act } from './people.ts';
import { check } from './promises.ts';
import { becomeQuiet } from './quiet.ts';
import { ALL, type Schedule, type Step } from './schedule.ts';
import { createSetting, type Setting } from './setting.ts';

const WORKERS = 2;

export interface Report {
  readonly seed: number;
  /** Empty: every promise held. */
  readonly broken: readonly string[];
  readonly ms: number;
  readonly things: number;
  /** Requests that met a fault. */
  readonly faults: number;
  readonly kills: number;
  /** Steps that could not be done because of when things happened, such as an edit of a record that is not there yet. */
  readonly skipped: number;
  /** Records written by the engine. */
  readonly writes: number;
  /** Brakes that people answered. */
  readonly brakes: number;
  readonly doubts: number;
  /** Edits that an unconditional write of Keap overtook: known, and no promise can be kept there. */
  readonly overtaken: number;
}

export interface Means {
  readonly crew: Crew;
  readonly redis: DurableRedis;
  /** Have workers wait at each named step for up to so many ms. */
  readonly dawdle?: number | undefined;
  /** Told each step as it is done. */
  /** Ends the run at once, its workers with the crew; what it reports then tells nothing. */
  readonly signal?: AbortSignal | undefined;
  readonly tell?: ((line: string) => void) | undefined;
  /** Given the setting as it is left behind by broken promises. */
  readonly autopsy?: ((setting: Setting) => Promise<void>) | undefined;
}

export async function runSchedule(
  schedule: Schedule,
  { crew, redis, dawdle, signal, tell = () => {}, autopsy }: Means,
): Promise<Report> {
  const begun = performance.now();
  const setting = await createSetting(redis.url);
  const model = createModel();
  const order: WorkOrder = { ...setting.order, ...(dawdle === undefined ? {} : { dawdle }) };
  const workers: Worker[] = [];
  const doomed = new Set<Worker>();
  let broken: string[] = [];
  let kills = 0;
  let skipped = 0;
  let scanned = false;
  let crash: Promise<void> | undefined;
  /** Replacements under way: hiring waits for Redis, so the steps do not wait for it. */
  let hiring: Promise<void> = Promise.resolve();

  async function perform(step: Step): Promise<void> {
    switch (step.do) {
      case 'create':
      case 'edit':
      case 'spoil':
      case 'mend':
      case 'delete':
        for (const line of act(setting, model, step)) {
          skipped++;
          tell(`    skipped: ${line}`);
        }
        return;
      case 'scan':
        if (!scanned && setting.writes() > 0) broken.push('P4 something was written before both sides were read');
        scanned = true;
        if (step.mapping === ALL) await setting.engine.triggerAll({ scan: step.scan });
        else await setting.engine.trigger({ mapping: step.mapping, scan: step.scan });
        return;
      case 'fault':
        setting.system(step.system).faults.add({ ...step.rule });
        return;
      case 'webhooks':
        setting.system(step.system).webhooks.configure(step.faults);
        return;
      case 'kill': {
        kills++;
        const victim = workers[step.worker % workers.length];
        await victim?.kill();
        hiring = hiring.then(async () => {
          const place = victim === undefined ? -1 : workers.indexOf(victim);
          if (place < 0) return;
          const next = await crew.hire({ ...order, ...(step.next ? { dieAt: step.next } : {}) });
          if (step.next) doomed.add(next);
          workers[place] = next;
        });
        return;
      }
      case 'redis':
        kills++;
        await crash;
        crash = redis.crash(step.downMs);
        return;
      case 'pause':
        await sleep(step.ms);
        return;
      case 'quiet':
        await crash;
        await hiring;
        await relieve();
        broken = [...broken, ...(await becomeQuiet(setting, model, step.brake))];
        if (broken.length === 0) broken = await check(setting, model);
        return;
    }
  }

  let abort = (): void => {};
  const aborted = new Promise<void>((resolve) => {
    abort = resolve;
  });
  signal?.addEventListener('abort', abort);

  /** Only sound workers are left: those that would end themselves at some step are ended now, if they have not been. */
  async function relieve(): Promise<void> {
    for (const [place, worker] of workers.entries()) {
      if (!doomed.delete(worker)) continue;
      kills++;
      await worker.kill();
      workers[place] = await crew.hire(order);
    }
  }

  try {
    for (let i = 0; i < WORKERS; i++) workers.push(await crew.hire(order));
    for (const [i, step] of schedule.steps.entries()) {
      tell(`${String(i).padStart(4)} ${JSON.stringify(step)}`);
      await Promise.race([perform(step), aborted]);
      if (broken.length > 0 || signal?.aborted) break;
    }
    if (broken.length > 0) await autopsy?.(setting);
    return {
      seed: schedule.seed,
      broken,
      ms: Math.round(performance.now() - begun),
      things: model.things.size,
      faults: [setting.keap, setting.shop].reduce(
        (sum, { requests }) => sum + requests.since().filter(({ fault }) => fault !== undefined).length,
        0,
      ),
      kills,
      skipped,
      writes: setting.writes(),
      brakes: model.brakes,
      doubts: model.doubts,
      overtaken: model.overtaken,
    };
  } finally {
    signal?.removeEventListener('abort', abort);
    if (!signal?.aborted) {
      await crash;
      await hiring;
      for (const worker of workers) await crew.dismiss(worker);
    }
    await setting.close();
  }
}

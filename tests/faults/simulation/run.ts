/** Runs one schedule against a setting of its own, with two worker processes, and tells which promises were broken. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Crew, Worker } from './crew.ts';
import type { DurableRedis } from './durable-redis.ts';
import { mergeThings } from './hostile.ts';
import { createModel } from './model.ts';
import { SHORT_CLAIM_TTL, type WorkOrder } from './orders.ts';
import { act, relink } from './people.ts';
import { check } from './promises.ts';
import { becomeQuiet } from './quiet.ts';
import { ALL, type Deed, type Schedule, type Step, wholeList } from './schedule.ts';
import { createSetting, type Setting } from './setting.ts';
import type { System } from './things.ts';

const WORKERS = 2;
/** How often it is looked whether an edit is in force in all processes, in ms, and how many times at most. */
const LOOK = 25;
const PATIENCE = 2_400;

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
  /** Edits that people made. */
  readonly edits: number;
  /** What systems did without an error. */
  readonly oddities: number;
  /** Issues that stood when all was quiet, each explained by what happened. */
  readonly issues: number;
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
  /** Called with each step as it is done. */
  /** Ends the run at once, its workers with the crew; what it reports then tells nothing. */
  readonly signal?: AbortSignal | undefined;
  readonly tell?: ((line: string) => void) | undefined;
  /** Given the setting as it is left behind by broken promises. */
  readonly autopsy?: ((setting: Setting) => Promise<void>) | undefined;
}

/** As when a machine is suspended: what it does next, it does with what it knew before. */
async function standStill(worker: Worker | undefined, ms: number): Promise<void> {
  worker?.stop();
  await sleep(ms);
  worker?.resume();
}

// Over 60 lines: one run of a schedule. Its functions share the workers, the model and what is broken so far.
export async function runSchedule(
  schedule: Schedule,
  { crew, redis, dawdle, signal, tell = () => {}, autopsy }: Means,
): Promise<Report> {
  const begun = performance.now();
  const setting = await createSetting(redis.url, { clocks: schedule.clocks });
  const stops = schedule.steps.some((step) => step.do === 'stop');
  const model = createModel();
  const order: WorkOrder = {
    ...setting.order,
    ...(dawdle === undefined ? {} : { dawdle }),
    ...(stops ? { claimTtl: SHORT_CLAIM_TTL } : {}),
  };
  const workers: Worker[] = [];
  const doomed = new Set<Worker>();
  let broken: string[] = [];
  let kills = 0;
  let skipped = 0;
  let scanned = false;
  let crash: Promise<void> | undefined;
  /** Replacements under way: hiring waits for Redis, so the steps do not wait for it. */
  let hiring: Promise<void> = Promise.resolve();
  /** Stops of workers and requests of people that are under way. */
  const underWay = new Set<Promise<void>>();
  const begin = (work: Promise<void>): void => {
    underWay.add(work);
    void work.finally(() => underWay.delete(work));
  };
  /** What people do as soon as a page was answered. */
  const onPage = new Set<{ system: System; path: RegExp; deed: Deed }>();

  // Over 60 lines: one case per kind of step, each a few lines.
  async function perform(step: Step): Promise<void> {
    switch (step.do) {
      case 'create':
      case 'edit':
      case 'spoil':
      case 'fix':
      case 'delete':
        skip(act(setting, model, step));
        return;
      case 'shift':
        onPage.add({ system: step.system, path: wholeList(step.entity), deed: step.deed });
        return;
      case 'stop':
        begin(standStill(workers[step.worker % workers.length], step.ms));
        return;
      case 'relink':
        begin(relink(setting, step).then(skip));
        return;
      case 'file':
        await setting.files.edit(step.mapping, step.edit, step.n);
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
      case 'behave':
        setting.system(step.system).behaviours.add({ ...step.rule });
        return;
      case 'merge':
        skip(mergeThings(setting, model, step));
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
          const next = await crew.hire({
            ...order,
            ...(step.next ? { dieAt: step.next, dieAfter: step.after ?? 0 } : {}),
          });
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
        for (const { deed } of onPage) skip(act(setting, model, deed));
        onPage.clear();
        await Promise.all(underWay);
        await setting.files.restore();
        await relieve();
        broken = [...broken, ...(await inForce())];
        broken = [...broken, ...(await becomeQuiet(setting, model, step.brake))];
        if (broken.length === 0) broken = await check(setting, model, schedule.hostile);
        return;
    }
  }

  function skip(lines: readonly string[]): void {
    for (const line of lines) {
      skipped++;
      tell(`    skipped: ${line}`);
    }
  }

  for (const name of ['keap', 'customwebshop'] as const) {
    setting.system(name).requests.onEnd = ({ method, path, status }) => {
      if (method !== 'GET' || status !== 200) return;
      for (const one of onPage) {
        if (one.system !== name || !one.path.test(path)) continue;
        onPage.delete(one);
        tell(`     page ${path}: ${JSON.stringify(one.deed)}`);
        skip(act(setting, model, one.deed));
      }
    };
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

  /** Waits until all processes have the files as they are now. */
  async function inForce(): Promise<string[]> {
    const pids = new Set(workers.map(({ pid }) => pid));
    for (let looks = 0; looks < PATIENCE; looks++) {
      const living = (await setting.engine.versions.processes()).filter(({ pid }) => pids.has(pid));
      const { version } = setting.engine.config.current();
      const same = living.every(({ config, yielded }) => config === version && yielded.length === 0);
      if (version === setting.version && same && living.length === pids.size) return [];
      await sleep(LOOK);
    }
    return ['P8 the mapping files are as they were, but not in force in all processes'];
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
      edits: model.edits,
      oddities: setting.keap.behaviours.happened().length + setting.shop.behaviours.happened().length,
      issues: model.issues,
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

/** Metrics for Prometheus: counters fed by the engine's callbacks, gauges read from Redis when they are asked for. */
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import type { Engine, EngineOptions } from '../engine/engine.ts';
import { brakeOn } from '../engine/sync/brake.ts';
import { HELD_KINDS, heldCounts } from './held.ts';
import { answers, within } from './patience.ts';
import { JOB_STATES, queuesOf, standOf } from './queue-counts.ts';

export type OnCall = NonNullable<EngineOptions['onCall']>;
export type OnOutcome = NonNullable<EngineOptions['onOutcome']>;

export interface Metrics {
  readonly registry: Registry;
  /** Wire these two into `createEngine`. */
  readonly onCall: OnCall;
  readonly onOutcome: OnOutcome;
  /** How the last call to each system that this process made went. */
  readonly lastCalls: ReadonlyMap<string, { readonly at: number; readonly ok: boolean }>;
}

const SECONDS = [0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];

export function createMetrics(): Metrics {
  const registry = new Registry();
  const registers = [registry];
  collectDefaultMetrics({ register: registry });
  const calls = new Counter({
    name: 'tandem_calls_total',
    help: 'Calls to systems, by their HTTP status ("none": no answer came).',
    labelNames: ['system', 'operation', 'status'] as const,
    registers,
  });
  const callTime = new Histogram({
    name: 'tandem_call_seconds',
    help: 'How long calls to systems took, waiting for quota included.',
    labelNames: ['system', 'operation'] as const,
    buckets: SECONDS,
    registers,
  });
  const outcomes = new Counter({
    name: 'tandem_outcomes_total',
    help: 'Reconciles done by this process, by what they came to.',
    labelNames: ['mapping', 'kind'] as const,
    registers,
  });
  const outcomeTime = new Histogram({
    name: 'tandem_reconcile_seconds',
    help: 'How long reconciles took.',
    labelNames: ['mapping'] as const,
    buckets: SECONDS,
    registers,
  });
  const lastCalls = new Map<string, { at: number; ok: boolean }>();
  return {
    registry,
    lastCalls,
    onCall({ system, operation, status, ms }) {
      calls.inc({ system, operation, status: status === undefined ? 'none' : String(status) });
      callTime.observe({ system, operation }, ms / 1000);
      // A refusal of one record is no fault of the system; no answer, refused credentials and server errors are.
      lastCalls.set(system, {
        at: Date.now(),
        ok: status !== undefined && status < 500 && status !== 401 && status !== 403,
      });
    },
    onOutcome({ mapping, outcome, ms }) {
      outcomes.inc({ mapping, kind: outcome.kind });
      outcomeTime.observe({ mapping }, ms / 1000);
    },
  };
}

/** How long a scrape waits for what Redis holds, in ms. */
const PATIENCE = 5_000;

/** @returns a function that brings the gauges up to date */
export function gauges({ registry }: Metrics, engine: Engine, version: string): () => Promise<void> {
  const registers = [registry];
  new Gauge({ name: 'tandem_info', help: 'Version of Tandem.', labelNames: ['version'] as const, registers }).set(
    { version },
    1,
  );
  const redisUp = new Gauge({ name: 'tandem_redis_up', help: 'Whether Redis answers.', registers });
  const problems = new Gauge({
    name: 'tandem_config_problems',
    help: 'Faults of the configuration files as they are now.',
    registers,
  });
  const jobs = new Gauge({
    name: 'tandem_queue_jobs',
    help: 'Jobs by queue and state.',
    labelNames: ['queue', 'state'] as const,
    registers,
  });
  const oldest = new Gauge({
    name: 'tandem_queue_oldest_waiting_seconds',
    help: 'How long the oldest waiting job has waited.',
    labelNames: ['queue'] as const,
    registers,
  });
  const paused = new Gauge({
    name: 'tandem_queue_paused',
    help: 'Whether the queue is paused.',
    labelNames: ['queue'] as const,
    registers,
  });
  const links = new Gauge({ name: 'tandem_links', help: 'Linked pairs.', labelNames: ['mapping'] as const, registers });
  const held = new Gauge({
    name: 'tandem_held_records',
    help: 'Records that wait, by why.',
    labelNames: ['mapping', 'kind'] as const,
    registers,
  });
  const idle = new Gauge({
    name: 'tandem_idle_processes',
    help: 'Processes that leave a mapping to others, because they have another version than the one in force.',
    labelNames: ['mapping'] as const,
    registers,
  });

  const brake = new Gauge({
    name: 'tandem_brake_on',
    help: 'Whether the brake of the mapping is on: nothing of it is written until a person answers.',
    labelNames: ['mapping'] as const,
    registers,
  });

  const fill = async (): Promise<true> => {
    const mappings = [...engine.config.current().mappings.keys()];
    const stands = await Promise.all(queuesOf(engine).map(standOf));
    const processes = await engine.versions.processes();
    const counts = await Promise.all(
      mappings.map(async (mapping) => ({
        mapping,
        links: await engine.links(mapping).count(),
        held: await heldCounts(engine, mapping),
        brake: await brakeOn(engine, engine.mapping(mapping)),
      })),
    );
    // What is gone from the configuration is gone from here: reset, then set, without anything in between.
    for (const gauge of [jobs, oldest, paused, links, held, brake, idle]) gauge.reset();
    for (const stand of stands) {
      for (const state of JOB_STATES) jobs.set({ queue: stand.name, state }, stand.counts[state]);
      oldest.set({ queue: stand.name }, (stand.oldestWaiting ?? 0) / 1000);
      paused.set({ queue: stand.name }, stand.paused ? 1 : 0);
    }
    for (const mapping of mappings)
      idle.set({ mapping }, processes.filter((process) => process.idle.includes(mapping)).length);
    for (const count of counts) {
      links.set({ mapping: count.mapping }, count.links);
      brake.set({ mapping: count.mapping }, count.brake ? 1 : 0);
      for (const kind of HELD_KINDS) held.set({ mapping: count.mapping, kind }, count.held[kind]);
    }
    return true;
  };

  return async () => {
    problems.set(engine.config.problems().length);
    const up = await answers(engine, 1_000);
    redisUp.set(up ? 1 : 0);
    const filled = up && (await within(PATIENCE, fill()));
    // Old numbers would look like new ones.
    if (!filled) for (const gauge of [jobs, oldest, paused, links, held, brake, idle]) gauge.reset();
  };
}

/** Metrics for Prometheus: counters fed by the engine's callbacks, gauges read from Redis when they are asked for. */
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import {
  brakeOn,
  callsPause,
  checkSafety,
  type Engine,
  type EngineOptions,
  ISSUE_KINDS,
  isScheduled,
  JOB_STATES,
  limiterState,
  TandemError,
} from '../engine/index.ts';
import { answers, within } from './patience.ts';
import { queuesOf, standOf } from './queue-counts.ts';
import { systemStates } from './system-states.ts';

export type OnCall = NonNullable<EngineOptions['onCall']>;
export type OnOutcome = NonNullable<EngineOptions['onOutcome']>;
export type OnFailure = NonNullable<EngineOptions['onFailure']>;

export interface Metrics {
  readonly registry: Registry;
  /** Wire these three into `createEngine`. */
  readonly onCall: OnCall;
  readonly onOutcome: OnOutcome;
  readonly onFailure: OnFailure;
  /** A webhook was answered. @param system of those declared, else undefined; records how many it had looked at */
  onWebhook(system: string | undefined, status: number, records: number): void;
}

const SECONDS = [0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];
/** From a webhook that arrives at once to a record that waited for a person since yesterday. */
const PROPAGATION_SECONDS = [0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 900, 3_600, 14_400, 86_400];

/** Every metric is documented in docs/metrics.md. Labels name what the configuration declares, never records. */
export function createMetrics(): Metrics {
  const registry = new Registry();
  const registers = [registry];
  collectDefaultMetrics({ register: registry });
  // What `nodejs_active_handles` and the like tell by type already, under names that Prometheus takes for counters.
  for (const what of ['handles', 'requests', 'resources']) registry.removeSingleMetric(`nodejs_active_${what}_total`);
  const counter = <T extends string>(name: string, help: string, ...labelNames: T[]): Counter<T> =>
    new Counter({ name, help, labelNames, registers });
  const histogram = <T extends string>(name: string, help: string, buckets: number[], ...labelNames: T[]) =>
    new Histogram({ name, help, buckets, labelNames, registers });

  const calls = counter(
    'tandem_calls_total',
    'Calls to systems, by their HTTP status ("none": no answer came).',
    ...(['system', 'operation', 'status'] as const),
  );
  const callTime = histogram(
    'tandem_call_seconds',
    'How long calls to systems took, waiting for quota included.',
    SECONDS,
    ...(['system', 'operation'] as const),
  );
  const outcomes = counter(
    'tandem_outcomes_total',
    'Records worked on, by what that came to.',
    ...(['mapping', 'kind'] as const),
  );
  const outcomeTime = histogram('tandem_reconcile_seconds', 'How long that work took.', SECONDS, 'mapping');
  const writes = counter(
    'tandem_writes_total',
    'Records created, updated and deleted in the systems, by the side on which.',
    ...(['mapping', 'side', 'operation'] as const),
  );
  const propagation = histogram(
    'tandem_propagation_seconds',
    'From a change of a record to its arrival on the other side, which the label names: since the source says that it was modified, or since its event came where it says nothing.',
    PROPAGATION_SECONDS,
    ...(['mapping', 'side'] as const),
  );
  const conflicts = counter('tandem_conflicts_total', 'Properties that a conflict rule decided.', 'mapping');
  const failures = counter(
    'tandem_failures_total',
    'Tries that came to nothing, by error code and by what becomes of the work: postponed (it waits for quota or for another worker), retried, failed (for good).',
    ...(['mapping', 'work', 'code', 'result'] as const),
  );
  const webhooks = counter('tandem_webhooks_total', 'Webhooks, by HTTP status.', ...(['system', 'status'] as const));
  const named = counter('tandem_webhook_records_total', 'Records queued because a webhook named them.', 'system');
  const quotaReported = new Gauge({
    name: 'tandem_quota_reported_remaining',
    help: 'Calls that a system said are left, in its latest answer that this process read.',
    labelNames: ['system'] as const,
    registers,
  });
  return {
    registry,
    onCall({ system, operation, status, ms, error, quotaLeft }) {
      // The limits of this side let nothing out: no call was made, and none failed.
      if (status === undefined && error === 'SYSTEM_THROTTLED') return;
      calls.inc({ system, operation, status: status === undefined ? 'none' : String(status) });
      callTime.observe({ system, operation }, ms / 1000);
      if (quotaLeft !== undefined) quotaReported.set({ system }, quotaLeft);
    },
    onOutcome({ mapping, sides, outcome, ms, arrived }) {
      const { kind, side } = outcome;
      outcomes.inc({ mapping, kind });
      outcomeTime.observe({ mapping }, ms / 1000);
      if (kind === 'failed') failures.inc({ mapping, work: 'reconcile', code: outcome.code ?? '', result: 'failed' });
      if (outcome.conflicts) conflicts.inc({ mapping }, outcome.conflicts.length);
      for (const target of [0, 1] as const) {
        const operation =
          (kind === 'created' || kind === 'deleted') && side === target
            ? kind
            : outcome.writes[target].length > 0
              ? 'updated'
              : undefined;
        if (operation) writes.inc({ mapping, side: sides[target], operation });
        const since = arrived[target];
        if (since !== undefined) propagation.observe({ mapping, side: sides[target] }, since / 1000);
      }
    },
    onFailure({ mapping, work, code, result }) {
      failures.inc({ mapping, work, code, result });
    },
    onWebhook(system = 'unknown', status, records) {
      webhooks.inc({ system, status: String(status) });
      if (records > 0) named.inc({ system }, records);
    },
  };
}

/** How long a scrape waits for what Redis holds, in ms. */
const PATIENCE = 5_000;
/** How long it waits for what is counted one by one: all else is reported without, and the next scrape has it. */
const ISSUES_PATIENCE = 2_000;

export interface Gauges {
  /** Brings them up to date. */
  refresh(): Promise<void>;
  /** Names of those over Redis, which are the same on every process. */
  readonly ofRedis: readonly string[];
}

export function gauges({ registry }: Metrics, engine: Engine, version: string): Gauges {
  const registers = [registry];
  const gauge = <T extends string>(name: string, help: string, ...labelNames: T[]): Gauge<T> =>
    new Gauge({ name, help, labelNames, registers });
  const names: string[] = [];
  const ofRedis: Gauge[] = [];
  const shared = <T extends string>(name: string, help: string, ...labelNames: T[]): Gauge<T> => {
    const made = gauge(name, help, ...labelNames);
    names.push(name);
    ofRedis.push(made as Gauge);
    return made;
  };

  gauge('tandem_info', 'Version of Tandem.', 'version').set({ version }, 1);
  const redisUp = gauge('tandem_redis_up', 'Whether Redis answers.');
  const problems = gauge('tandem_config_problems', 'Faults of the configuration files as they are now.');

  const redisWarnings = shared(
    'tandem_redis_warnings',
    'Why links can be lost: Redis evicts keys, persistence is off, or could not save lately. /health/ready tells in words; mere advice does not count.',
  );
  const jobs = shared('tandem_queue_jobs', 'Jobs by queue and state.', ...(['queue', 'state'] as const));
  const oldest = shared('tandem_queue_oldest_waiting_seconds', 'How long the oldest waiting job has waited.', 'queue');
  const marked = shared(
    'tandem_marked_records',
    'Records that are to be looked at, those that are being worked on included.',
    'mapping',
  );
  const paused = shared('tandem_queue_paused', 'Whether the queue is paused.', 'queue');
  const links = shared('tandem_links', 'Linked pairs.', 'mapping');
  const issues = shared(
    'tandem_issues',
    'Records with an issue, by its kind; "review": a person must decide.',
    ...(['mapping', 'kind'] as const),
  );
  const brake = shared(
    'tandem_brake_on',
    'Whether the brake of the mapping is on: nothing of it is written until a person answers.',
    'mapping',
  );
  const lastRead = shared(
    'tandem_last_read_timestamp_seconds',
    'When a side was last read to its end: all of it ("full"), or what had changed ("changes"). Absent: never.',
    ...(['mapping', 'side', 'scan'] as const),
  );
  const scheduled = shared(
    'tandem_read_scheduled_timestamp_seconds',
    'Since when a side is to be read by schedule. Absent: it is not.',
    ...(['mapping', 'side'] as const),
  );
  const quota = shared(
    'tandem_quota_left',
    'Calls that may still go to a system before the window of a declared limit begins again.',
    ...(['system', 'limit'] as const),
  );
  const down = shared(
    'tandem_system_down',
    'Whether a system is down or takes no writes, so that its calls or writes wait and it is only tried now and then.',
    'system',
  );
  const rest = shared(
    'tandem_system_paused_seconds',
    'How long a system still has to be left alone, because it asked for that.',
    'system',
  );
  const living = shared('tandem_processes', 'Processes that show signs of life, by what they do.', 'role');
  const yielded = shared(
    'tandem_yielded_processes',
    'Processes that leave a mapping to others, because they have another version than the one in force.',
    'mapping',
  );
  const forget = (): void => {
    for (const one of ofRedis) one.reset();
    redisWarnings.set(Number.NaN);
  };

  const fill = async (): Promise<true> => {
    const { mappings, systems } = engine.config.current();
    const [stands, processes, warnings, states, counts] = await Promise.all([
      Promise.all(queuesOf(engine).map((queue) => standOf(engine, queue))),
      engine.versions.processes(),
      redisWarningsOf(engine),
      Promise.all(
        [...systems.values()].map(async ({ name, limits }) => ({
          name,
          ...(await limiterState({ redis: engine.redis, prefix: engine.prefix, system: name, limits })),
        })),
      ),
      Promise.all(
        [...mappings.values()].map(async (mapping) => ({
          mapping,
          links: await engine.links(mapping.name).links.count(),
          issues: await within(ISSUES_PATIENCE, engine.links(mapping.name).issues.counts()),
          marked: (await engine.dirty.stats(mapping.name)).count,
          brake: await brakeOn(engine, mapping),
          scheduled: isScheduled(mapping.schedule)
            ? await engine.links(mapping.name).progress.scheduledSince()
            : undefined,
          read: await Promise.all(
            mapping.sides.map(({ index }) => engine.links(mapping.name).progress.lastRead(index)),
          ),
        })),
      ),
    ]);
    // What is gone from the configuration is gone from here: reset, then set, without anything in between.
    forget();
    redisWarnings.set(warnings);
    for (const stand of stands) {
      for (const state of JOB_STATES) jobs.set({ queue: stand.name, state }, stand.counts[state]);
      oldest.set({ queue: stand.name }, (stand.oldestWaiting ?? 0) / 1000);
      paused.set({ queue: stand.name }, stand.paused ? 1 : 0);
    }
    for (const role of ['server', 'workers'] as const)
      living.set({ role }, processes.filter((process) => process[role]).length);
    for (const [system, { state }] of Object.entries(systemStates(engine, processes)))
      down.set({ system }, callsPause({ state }) || state === 'read-only' ? 1 : 0);
    for (const { name, paused: left, limits } of states) {
      rest.set({ system: name }, left / 1000);
      for (const limit of limits)
        quota.set({ system: name, limit: `${limit.requests}/${limit.per / 1000}s` }, limit.left);
    }
    for (const count of counts) {
      const { name, sides } = count.mapping;
      yielded.set({ mapping: name }, processes.filter((process) => process.yielded.includes(name)).length);
      links.set({ mapping: name }, count.links);
      marked.set({ mapping: name }, count.marked);
      brake.set({ mapping: name }, count.brake ? 1 : 0);
      if (count.issues) for (const kind of ISSUE_KINDS) issues.set({ mapping: name, kind }, count.issues[kind]);
      for (const { index, name: side } of sides) {
        if (count.scheduled !== undefined) scheduled.set({ mapping: name, side }, Date.parse(count.scheduled) / 1000);
        for (const scan of ['full', 'changes'] as const) {
          const at = count.read[index]?.[scan];
          if (at !== undefined) lastRead.set({ mapping: name, side, scan }, Date.parse(at) / 1000);
        }
      }
    }
    return true;
  };

  return {
    ofRedis: names,
    async refresh() {
      problems.set(engine.config.problems().length);
      const up = await answers(engine, 1_000);
      redisUp.set(up ? 1 : 0);
      const filled = up && (await within(PATIENCE, fill()));
      // Old numbers would look like new ones.
      if (!filled) forget();
    },
  };
}

async function redisWarningsOf(engine: Engine): Promise<number> {
  try {
    return (await checkSafety(engine.redis)).dangers.length;
  } catch (error) {
    if (error instanceof TandemError && error.code === 'REDIS_UNSAFE') return 1;
    throw error;
  }
}

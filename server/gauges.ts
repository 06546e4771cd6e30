/** Metrics for Prometheus that are looked up: gauges, read from Redis when they are asked for. */
import { Gauge, type Registry } from 'prom-client';
import {
  brakeOn,
  callsPause,
  checkSafety,
  type Engine,
  ISSUE_KINDS,
  isScheduled,
  JOB_STATES,
  type LivingProcess,
  limiterState,
  type Mapping,
  type QueueStand,
  queueStands,
  redisAnswers,
  type SystemConfig,
  systemStates,
  TandemError,
  within,
} from '../engine/index.ts';
import type { Metrics } from './metrics.ts';

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
  const shown = declareGauges(registry, version);
  return {
    ofRedis: shown.names,
    async refresh() {
      shown.problems.set(engine.config.problems().length);
      const up = await redisAnswers(engine, 1_000);
      shown.redisUp.set(up ? 1 : 0);
      const filled = up && (await within(PATIENCE, fill(engine, shown)));
      // Old numbers would look like new ones.
      if (!filled) shown.forget();
    },
  };
}

type Shown = ReturnType<typeof declareGauges>;

function declareGauges(registry: Registry, version: string) {
  const registers = [registry];
  const gauge = <T extends string>(name: string, help: string, ...labelNames: T[]): Gauge<T> =>
    new Gauge({ name, help, labelNames, registers });
  const names: string[] = [];
  const ofRedis: Gauge[] = [];
  const shared: Declare = (name, help, ...labelNames) => {
    const made = gauge(name, help, ...labelNames);
    names.push(name);
    ofRedis.push(made as Gauge);
    return made;
  };
  gauge('tandem_info', 'Version of Tandem.', 'version').set({ version }, 1);
  const gauges = {
    redisUp: gauge('tandem_redis_up', 'Whether Redis answers.'),
    problems: gauge('tandem_config_problems', 'Faults of the configuration files as they are now.'),
    redisWarnings: shared(
      'tandem_redis_warnings',
      'Why links can be lost: Redis evicts keys, persistence is off, or could not save lately. /health/ready tells in words; mere advice does not count.',
    ),
    ...ofQueues(shared),
    ...ofMappings(shared),
    ...ofSystems(shared),
    ...ofProcesses(shared),
  };
  const forget = (): void => {
    for (const one of ofRedis) one.reset();
    gauges.redisWarnings.set(Number.NaN);
  };
  return { ...gauges, names, forget };
}

/** Declares a gauge over Redis. */
type Declare = <T extends string>(name: string, help: string, ...labelNames: T[]) => Gauge<T>;

const ofQueues = (shared: Declare) => ({
  jobs: shared('tandem_queue_jobs', 'Jobs by queue and state.', ...(['queue', 'state'] as const)),
  oldest: shared('tandem_queue_oldest_waiting_seconds', 'How long the oldest waiting job has waited.', 'queue'),
  marked: shared(
    'tandem_marked_records',
    'Records that are to be looked at, those that are being worked on included.',
    'mapping',
  ),
  paused: shared('tandem_queue_paused', 'Whether the queue is paused.', 'queue'),
});

const ofMappings = (shared: Declare) => ({
  links: shared('tandem_links', 'Linked pairs.', 'mapping'),
  issues: shared(
    'tandem_issues',
    'Records with an issue, by its kind; "review": a person must decide.',
    ...(['mapping', 'kind'] as const),
  ),
  brake: shared(
    'tandem_brake_on',
    'Whether the brake of the mapping is on: nothing of it is written until a person answers.',
    'mapping',
  ),
  lastRead: shared(
    'tandem_last_read_timestamp_seconds',
    'When a side was last read to its end: all of it ("full"), or what had changed ("changes"). Absent: never.',
    ...(['mapping', 'side', 'scan'] as const),
  ),
  scheduled: shared(
    'tandem_read_scheduled_timestamp_seconds',
    'Since when a side is to be read by schedule. Absent: it is not.',
    ...(['mapping', 'side'] as const),
  ),
});

const ofSystems = (shared: Declare) => ({
  quota: shared(
    'tandem_quota_left',
    'Calls that may still go to a system before the window of a declared limit begins again.',
    ...(['system', 'limit'] as const),
  ),
  down: shared(
    'tandem_system_down',
    'Whether a system is down or takes no writes, so that its calls or writes wait and it is only tried now and then.',
    'system',
  ),
  rest: shared(
    'tandem_system_paused_seconds',
    'How long a system still has to be left alone, because it asked for that.',
    'system',
  ),
});

const ofProcesses = (shared: Declare) => ({
  living: shared('tandem_processes', 'Processes that show signs of life, by what they do.', 'role'),
  yielded: shared(
    'tandem_yielded_processes',
    'Processes that leave a mapping to others, because they have another version than the one in force.',
    'mapping',
  ),
});

async function fill(engine: Engine, shown: Shown): Promise<true> {
  const found = await readAll(engine);
  // What is gone from the configuration is gone from here: reset, then set, without anything in between.
  shown.forget();
  shown.redisWarnings.set(found.warnings);
  for (const stand of found.stands) showQueue(shown, stand);
  for (const role of ['server', 'workers'] as const)
    shown.living.set({ role }, found.processes.filter((process) => process[role]).length);
  for (const [system, { state }] of Object.entries(systemStates(engine, found.processes)))
    shown.down.set({ system }, callsPause({ state }) || state === 'read-only' ? 1 : 0);
  for (const limits of found.limits) showLimits(shown, limits);
  for (const counts of found.counts) showMapping(shown, counts, found.processes);
  return true;
}

async function readAll(engine: Engine) {
  const { mappings, systems } = engine.config.current();
  const [stands, processes, warnings, limits, counts] = await Promise.all([
    queueStands(engine),
    engine.versions.processes(),
    redisWarningsOf(engine),
    Promise.all([...systems.values()].map((system) => limitsOf(engine, system))),
    Promise.all([...mappings.values()].map((mapping) => countsOf(engine, mapping))),
  ]);
  return { stands, processes, warnings, limits, counts };
}

const limitsOf = async (engine: Engine, { name, limits }: SystemConfig) => ({
  name,
  ...(await limiterState({ redis: engine.redis, prefix: engine.prefix, system: name, limits })),
});

async function countsOf(engine: Engine, mapping: Mapping) {
  const links = engine.links(mapping.name);
  return {
    mapping,
    links: await links.links.count(),
    issues: await within(ISSUES_PATIENCE, links.issues.counts()),
    marked: (await engine.dirty.stats(mapping.name)).count,
    brake: await brakeOn(engine, mapping),
    scheduled: isScheduled(mapping.schedule) ? await links.progress.scheduledSince() : undefined,
    read: await Promise.all(mapping.sides.map(({ index }) => links.progress.lastRead(index))),
  };
}

function showQueue({ jobs, oldest, paused }: Shown, stand: QueueStand): void {
  for (const state of JOB_STATES) jobs.set({ queue: stand.name, state }, stand.counts[state]);
  oldest.set({ queue: stand.name }, (stand.oldestWaiting ?? 0) / 1000);
  paused.set({ queue: stand.name }, stand.paused ? 1 : 0);
}

function showLimits({ rest, quota }: Shown, found: Awaited<ReturnType<typeof limitsOf>>): void {
  const { name: system, paused, limits } = found;
  rest.set({ system }, paused / 1000);
  for (const { requests, per, left } of limits) quota.set({ system, limit: `${requests}/${per / 1000}s` }, left);
}

function showMapping(
  shown: Shown,
  counts: Awaited<ReturnType<typeof countsOf>>,
  processes: readonly LivingProcess[],
): void {
  const { name: mapping, sides } = counts.mapping;
  shown.yielded.set({ mapping }, processes.filter((process) => process.yielded.includes(mapping)).length);
  shown.links.set({ mapping }, counts.links);
  shown.marked.set({ mapping }, counts.marked);
  shown.brake.set({ mapping }, counts.brake ? 1 : 0);
  if (counts.issues) for (const kind of ISSUE_KINDS) shown.issues.set({ mapping, kind }, counts.issues[kind]);
  for (const { index, name: side } of sides) {
    if (counts.scheduled !== undefined) shown.scheduled.set({ mapping, side }, Date.parse(counts.scheduled) / 1000);
    for (const scan of ['full', 'changes'] as const) {
      const at = counts.read[index]?.[scan];
      if (at !== undefined) shown.lastRead.set({ mapping, side, scan }, Date.parse(at) / 1000);
    }
  }
}

async function redisWarningsOf(engine: Engine): Promise<number> {
  try {
    return (await checkSafety(engine.redis)).dangers.length;
  } catch (error) {
    if (error instanceof TandemError && error.code === 'REDIS_UNSAFE') return 1;
    throw error;
  }
}

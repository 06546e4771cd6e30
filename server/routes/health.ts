/** Health: is this process up, and can it do its work? Open to all, so it tells states and no secrets; it calls no system. */
import { Health, Live } from '../../api/index.ts';
import {
  brakeOn,
  checkSafety,
  type Engine,
  formatProblem,
  type LivingProcess,
  missingMappings,
  missingReason,
  queueStands,
  redisAnswers,
  systemStates,
  TandemError,
  wantsDecision,
  within,
} from '../../engine/index.ts';
import type { Routes, ServerOptions } from '../options.ts';
import { iso } from '../present.ts';

const PATIENCE = 2_000;

type RedisState = Health['redis'];

export const health: Routes = async (app, { engine, options }) => {
  const config = { open: true, withoutRedis: true };

  app.get(
    '/health/live',
    {
      config,
      logLevel: 'warn',
      schema: {
        operationId: 'live',
        tags: ['health'],
        summary: 'The process is up',
        security: [],
        response: { 200: Live },
      },
    },
    async () => ({ status: 'up' as const }),
  );

  app.get(
    '/health/ready',
    {
      config,
      logLevel: 'warn',
      schema: {
        operationId: 'ready',
        tags: ['health'],
        summary: 'Whether work can be done: 200 (ready, or degraded and working), 503 (down)',
        security: [],
        response: { 200: Health, 503: Health },
      },
    },
    async (_, reply) => {
      const found = await readiness(engine, options);
      return reply.code(found.status === 'down' ? 503 : 200).send(found);
    },
  );
};

async function readiness(engine: Engine, options: ServerOptions): Promise<Health> {
  const redis = await redisState(engine);
  const current = engine.config.current();
  const problems = engine.config.problems();
  const queues = redis.state === 'down' ? undefined : await within(PATIENCE, queueStates(engine));
  const [brakes, processes, known, orphans] = queues
    ? await Promise.all([
        within(PATIENCE, brakesOn(engine)),
        within(PATIENCE, engine.versions.processes()),
        within(PATIENCE, missingMappings(engine)),
        within(PATIENCE, orphanWarnings(engine)),
      ])
    : [];
  const missing = (known ?? []).filter(wantsDecision);
  const notes = queues
    ? [...missing.map(missingReason), ...pausedNotes(queues), ...processNotes(brakes, processes)]
    : [];
  const systems = presentSystems(engine, processes ?? []);
  const stopping = options.stopping?.() ?? false;
  const down = queues === undefined || stopping;
  const degraded =
    redis.state !== 'up' ||
    problems.length > 0 ||
    (brakes ?? []).length > 0 ||
    notes.length > 0 ||
    Object.values(systems).some(({ state }) => state !== 'up' && state !== 'unknown');
  return {
    status: down ? 'down' : degraded ? 'degraded' : 'ready',
    ...(stopping ? { stopping } : {}),
    version: options.version,
    workers: options.workers,
    redis,
    config: { version: current.version, mappings: current.mappings.size, problems: problems.map(formatProblem) },
    queues: queues ?? {},
    brakes: brakes ?? [],
    missing: missing.map(({ name, links }) => ({ mapping: name, links })),
    warnings: orphans ?? [],
    notes,
    systems,
  };
}

const presentSystems = (engine: Engine, processes: readonly LivingProcess[]): Health['systems'] =>
  Object.fromEntries(
    Object.entries(systemStates(engine, processes)).map(([name, { state, reason, ...times }]) => [
      name,
      {
        state,
        ...(reason === undefined ? {} : { reason }),
        ...Object.fromEntries(Object.entries(times).map(([what, at]) => [what, iso(at)])),
      },
    ]),
  );

async function brakesOn(engine: Engine): Promise<string[]> {
  const mappings = [...engine.config.current().mappings.values()];
  const brakes = await Promise.all(mappings.map((mapping) => brakeOn(engine, mapping)));
  return mappings.filter((_, i) => brakes[i]).map(({ name }) => name);
}

/** So many records without their counterpart, and such a share of the links, are more than people delete by the way. */
const MANY_ORPHANED = { least: 20, percent: 5 };

async function orphanWarnings(engine: Engine): Promise<string[]> {
  const names = [...engine.config.current().mappings.keys()];
  const counts = await Promise.all(
    names.map(async (name) => {
      const links = engine.links(name);
      const [{ orphaned }, linked] = await Promise.all([links.issues.counts(), links.links.count()]);
      return { name, orphaned, linked };
    }),
  );
  const { least, percent } = MANY_ORPHANED;
  return counts
    .filter(({ orphaned, linked }) => orphaned >= least && orphaned * 100 >= linked * percent)
    .map(
      ({ name, orphaned, linked }) =>
        `${orphaned} of ${linked} links of ${name} have lost one of their two records, and the other one stays: "tandem records ${name} --kind orphaned --list" lists them.`,
    );
}

type QueueStates = Health['queues'];

const pausedNotes = (queues: QueueStates): string[] =>
  Object.entries(queues)
    .filter(([, { paused }]) => paused)
    .map(
      ([name, { waiting }]) =>
        `The queue ${name} is paused: nothing begins there until it is resumed. ${waiting} wait.`,
    );

const processNotes = (brakes: unknown, processes: readonly { readonly workers: boolean }[] | undefined): string[] => [
  ...(brakes && processes ? [] : ['Redis answers slowly: not all could be asked.']),
  ...(processes && !processes.some(({ workers }) => workers)
    ? ['No worker is alive: work is queued, and nobody does it until one is started.']
    : []),
];

async function queueStates(engine: Engine): Promise<QueueStates> {
  const stands = await queueStands(engine);
  return Object.fromEntries(
    stands.map(({ name, paused, counts: { waiting, active, delayed, failed } }) => [
      name,
      { paused, waiting, active, delayed, failed },
    ]),
  );
}

async function redisState(engine: Engine): Promise<RedisState> {
  if (!(await redisAnswers(engine, PATIENCE))) return { state: 'down', warnings: ['Redis does not answer.'] };
  try {
    const safety = await within(PATIENCE, checkSafety(engine.redis));
    if (!safety) return { state: 'down', warnings: ['Redis does not answer.'] };
    return {
      // Advice alone keeps nobody from sleeping: no alert either.
      state: safety.dangers.length > 0 ? 'unsafe' : 'up',
      ...(safety.policy === undefined ? {} : { policy: safety.policy }),
      ...(safety.persistent === undefined ? {} : { persistence: safety.persistent ? 'on' : 'off' }),
      warnings: [...safety.dangers, ...safety.advice],
    };
  } catch (error) {
    if (error instanceof TandemError && error.code === 'REDIS_UNSAFE')
      return { state: 'unsafe', warnings: [error.message] };
    return { state: 'down', warnings: ['Redis does not answer as it should.'] };
  }
}

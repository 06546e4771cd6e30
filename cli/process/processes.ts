/** The long-running commands: a server, workers, or both in one process, from the first check to the orderly end. */
import type { FastifyInstance } from 'fastify';
import {
  type ConfigStore,
  createConfigStore,
  createEngine,
  createLiveEvents,
  type Engine,
  formatProblem,
  isConnected,
  keepRegistered,
  type LiveEvents,
  type OutcomeEvent,
  shownRedisUrl,
  startWorkers,
  type Tracing,
  tellMissing,
  webhookKeys,
  within,
} from '../../engine/index.ts';
import { requireProtection } from '../../server/listen.ts';
import { createMetrics, type Metrics } from '../../server/metrics.ts';
import type { ServerOptions } from '../../server/options.ts';
import type { CommandContext } from '../command.ts';
import { howToBegin, requireConfigFolder } from '../configuration.ts';
import { Failure, OK } from '../failure.ts';
import type { Output } from '../format/output.ts';
import { loadedEnvFile } from './env-file.ts';
import { type Environment, packageVersion } from './environment.ts';
import { createLogger, type Logger } from './log.ts';
import { startTracing, tracingConfigured } from './open-telemetry.ts';
import { checkRedis, openFingerprints, requireRedisUrl } from './redis.ts';
import { createSecrets, type Secrets } from './secrets.ts';
import { stopOnSignals } from './signals.ts';

export interface Roles {
  readonly server: boolean;
  readonly workers: boolean;
}

export interface ProcessOptions {
  /** Logs go to stderr, and stdout gets one line of JSON once everything runs. */
  readonly readyJson?: boolean;
}

/** For jobs that are being done when the process is told to stop. One that takes longer is taken over by another worker. */
const DEADLINE = 20_000;
/** For everything else that is closed. */
const MOMENT = 3_000;

/** What was started, in order; it is closed the other way round. */
type Closers = { readonly what: string; readonly limit: number; close(): Promise<unknown> }[];

/** Runs until a signal. @throws Failure where it cannot start */
export async function runProcess(
  roles: Roles,
  { environment, output }: CommandContext,
  options: ProcessOptions,
): Promise<number> {
  const stdout = options.readyJson ? process.stderr : process.stdout;
  const secrets = createSecrets(process.env);
  const logger = createLogger(environment.logLevel, stdout, stdout.isTTY === true && !output.json, secrets.redact);
  endOnBugs(logger);
  const file = loadedEnvFile();
  if (file !== undefined) logger.info({ file }, 'variables of this file are loaded');
  logger.info({ folder: environment.config }, 'configuration folder');
  const redisUrl = requireRedisUrl(environment);
  if (roles.server || environment.healthPort !== undefined)
    requireProtection(environment.host, Boolean(environment.readToken ?? environment.apiToken));
  requireConfigFolder(environment.config);
  const stop = stopOnSignals(logger);
  const closers: Closers = [];
  const stopping = new AbortController();
  try {
    const started = start(roles, redisUrl, environment, output, logger, secrets, closers, stopping.signal);
    const ready = await Promise.race([started, stop.asked.then(() => undefined)]);
    if (ready && options.readyJson) process.stdout.write(`${JSON.stringify({ ready: true, ...ready })}\n`);
    await stop.asked;
    // A start that was cut short may still fail; that is no news any more.
    started.catch(() => {});
  } finally {
    // Readiness goes first, so that nobody sends new requests while what is under way is finished.
    stopping.abort();
    await closeAll(closers, logger);
  }
  logger.info({}, 'stopped');
  return OK;
}

interface Ready {
  /** Absent for a process that listens nowhere. */
  readonly url?: string;
  readonly pid: number;
  readonly mappings: readonly string[];
}

async function start(
  roles: Roles,
  redisUrl: string,
  environment: Environment,
  output: Output,
  logger: Logger,
  secrets: Secrets,
  closers: Closers,
  stopping: AbortSignal,
): Promise<Ready> {
  const config = await openConfig(environment, output, logger);
  closers.push({ what: 'configuration', limit: MOMENT, close: () => config.close() });
  secrets.learn(config.current().systems.values());
  config.on((change) => secrets.learn(change.config.systems.values()));
  await checkRedis(redisUrl, environment.prefix, logger);

  const metrics = createMetrics();
  const events = createLiveEvents();
  const tracing = await openTracing(logger, secrets, closers);
  const fingerprinter = await openFingerprints(redisUrl, environment);
  const engine = createEngine({
    redisUrl,
    prefix: environment.prefix,
    config,
    fingerprinter,
    encryptionKey: environment.encryptionKey,
    claimTtl: environment.lockDuration,
    logger,
    ...listeners(metrics, events),
    ...(tracing ? { tracing } : {}),
  });
  closers.push({ what: 'engine', limit: MOMENT, close: () => engine.close() });
  // Also without a server: those of other processes tell what this one does.
  events.attach(engine);
  closers.push({ what: 'events', limit: MOMENT, close: () => events.close() });

  const webhookKey = await webhookKeys(engine.redis, environment.prefix, environment.webhookSecret);
  const own = { logger, webhookKey, stopping: () => stopping.aborted, metrics, events };
  const url = await startServer(engine, roles, environment, own, closers);
  if (roles.workers) await work(engine, roles, environment, closers);
  else await joinWithoutWorkers(engine, closers);
  if (roles.server && environment.publicUrl !== undefined) {
    const registration = keepRegistered(engine, environment.publicUrl, webhookKey);
    closers.push({ what: 'webhooks', limit: MOMENT, close: () => registration.close() });
  }
  const mappings = [...config.current().mappings.keys()];
  logger.info(
    {
      ...(url === undefined ? {} : { url }),
      ...roles,
      mappings,
      redis: shownRedisUrl(redisUrl),
      prefix: environment.prefix,
      pid: process.pid,
    },
    url === undefined ? 'Tandem is ready' : `Tandem is ready at ${url}`,
  );
  return { ...(url === undefined ? {} : { url }), pid: process.pid, mappings };
}

const listeners = (metrics: Metrics, events: LiveEvents) => ({
  onCall: metrics.onCall,
  onOutcome(outcome: OutcomeEvent): void {
    metrics.onOutcome(outcome);
    events.onOutcome(outcome);
  },
  onFailure: metrics.onFailure,
  onBrake: events.onBrake,
});

/** @returns its address; undefined where the process listens nowhere */
async function startServer(
  engine: Engine,
  roles: Roles,
  environment: Environment,
  own: Pick<ServerOptions, 'logger' | 'webhookKey' | 'stopping' | 'metrics' | 'events'>,
  closers: Closers,
): Promise<string | undefined> {
  const port = roles.server ? environment.port : environment.healthPort;
  if (port === undefined) return undefined;
  const { readToken, apiToken, trustProxy } = environment;
  const { createServer, listen } = await import('../../server/server.ts');
  const server = await createServer(engine, {
    ...own,
    readToken,
    apiToken,
    trustProxy,
    drafts: { atOnce: environment.drafts, timeout: environment.draftTimeout },
    version: packageVersion(),
    workers: roles.workers,
    healthOnly: !roles.server,
  });
  closers.push({ what: 'server', limit: MOMENT, close: () => closeServer(server) });
  return listen(server, { host: environment.host, port });
}

async function work(engine: Engine, roles: Roles, environment: Environment, closers: Closers): Promise<void> {
  const { concurrency, lockDuration, schedules } = environment;
  const workers = await startWorkers(engine, {
    concurrency,
    lockDuration,
    schedules,
    server: roles.server,
    checkSystems: true,
  });
  // Without Redis nothing can be finished, nor handed back: jobs are taken over once their locks run out.
  const deadline = (): number => (isConnected(engine) ? DEADLINE : MOMENT);
  closers.push({ what: 'workers', limit: DEADLINE + MOMENT, close: () => workers.close(deadline()) });
}

async function joinWithoutWorkers(engine: Engine, closers: Closers): Promise<void> {
  const member = await engine.versions.join({ server: true, workers: false }, engine.config.current);
  closers.push({ what: 'place among the processes', limit: MOMENT, close: () => member.leave() });
  await tellMissing(engine);
}

/** Loads nothing where no traces are asked for. */
async function openTracing(logger: Logger, secrets: Secrets, closers: Closers): Promise<Tracing | undefined> {
  if (!tracingConfigured(process.env)) return undefined;
  const { tracing, close } = await startTracing(packageVersion(), logger, secrets.redact);
  closers.push({ what: 'traces', limit: MOMENT, close });
  return tracing;
}

/** @throws Failure where no mapping can run; with some that can, the others are reported and left out */
async function openConfig(environment: Environment, output: Output, logger: Logger): Promise<ConfigStore> {
  const config = await createConfigStore({ root: environment.config, env: process.env });
  const problems = config.problems();
  if (config.current().mappings.size === 0) {
    for (const problem of problems) output.note(formatProblem(problem));
    await config.close();
    throw new Failure(
      'STARTUP_REFUSED',
      problems.length === 0
        ? `There is no mapping in ${environment.config}.`
        : `No mapping in ${environment.config} can run: see the problems above.`,
      problems.length === 0
        ? `Write one into mappings/, or set TANDEM_CONFIG. ${howToBegin(environment.config)}`
        : 'Fix them; tandem validate checks again.',
    );
  }
  const tell = (found: ReturnType<ConfigStore['problems']>): void => {
    for (const problem of found)
      logger.warn(
        { file: problem.file, line: problem.line, column: problem.column, code: problem.code },
        formatProblem(problem),
      );
  };
  tell(problems);
  if (problems.length > 0)
    logger.warn(
      { mappings: [...config.current().mappings.keys()] },
      'files with problems are left out; these mappings run',
    );
  config.on((change) => {
    tell(change.problems);
    if (change.changed.length > 0)
      logger.info({ changed: change.changed, version: change.config.version }, 'configuration reloaded');
    else if (change.problems.length > 0) logger.warn({}, 'the edit is refused; the last good version runs on');
    else logger.info({}, 'the problems of the configuration are fixed');
  });
  return config;
}

/** Streams of events are cut after a moment. */
async function closeServer(server: FastifyInstance): Promise<void> {
  const cut = setTimeout(() => server.server.closeAllConnections(), MOMENT / 2);
  await server.close();
  clearTimeout(cut);
}

async function closeAll(closers: Closers, logger: Logger): Promise<void> {
  for (const { what, limit, close } of [...closers].reverse()) {
    try {
      const closed = close().then(() => true);
      if (!(await within(limit, closed))) logger.warn({ what }, 'was not closed in time and is left as it is');
    } catch (error) {
      logger.warn({ what, reason: error instanceof Error ? error.message : String(error) }, 'could not be closed');
    }
  }
}

/** Nothing is held only in memory, so a process that met a bug in itself ends, and its supervisor starts it again. */
function endOnBugs(logger: Logger): void {
  const end = (err: unknown): void => {
    logger.fatal({ err }, 'Tandem met a bug in itself and ends');
    process.exit(1);
  };
  process.on('uncaughtException', end);
  process.on('unhandledRejection', end);
}

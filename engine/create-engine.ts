/** Makes the engine of a process: opens what all its parts share, and puts the parts together. */
import type { Engine, EngineOptions } from './engine.ts';
import { TandemError } from './errors.ts';
import { silent } from './logger.ts';
import { connect } from './queue/connection.ts';
import { createRetirements } from './queue/retirements.ts';
import { createVersions } from './queue/versions.ts';
import { trigger, triggerAll } from './runtime/begin-runs.ts';
import { createClients } from './runtime/clients.ts';
import { markEvents } from './runtime/marking.ts';
import { createQueues } from './runtime/queues.ts';
import { createStores } from './runtime/stores.ts';
import { contextOf } from './runtime/work-context.ts';
import { createDirty } from './store/dirty.ts';
import { watchKey } from './store/fingerprints.ts';
import { createRuns } from './store/runs.ts';
import { createThroughput } from './store/throughput.ts';

/**
 * Connects to Redis, and begins no work: `startWorkers` does. `close` leaves `config` open, which the caller made.
 * @throws TandemError STARTUP_REFUSED where `redisUrl` is no address of a Redis
 */
export function createEngine(options: EngineOptions): Engine {
  const prefix = options.prefix ?? 'tandem';
  const logger = options.logger ?? silent;
  const redis = connect(options.redisUrl, prefix);
  redis.on('error', (error) => logger.warn({ reason: error.message }, 'Redis connection'));
  const forgetKey = watchKey(redis, options.fingerprinter);
  const queues = createQueues(redis, prefix, options.retryDelay, options.tracing?.jobs);
  const connected = { options, prefix, logger, redis };
  const clients = createClients(connected);

  const engine: Engine = {
    ...connected,
    config: options.config,
    queues,
    dirty: createDirty(redis, prefix),
    throughput: createThroughput(redis, prefix),
    runs: createRuns(redis, prefix),
    versions: createVersions(redis, prefix, options.versions, () => engine.statuses()),
    retirements: createRetirements(redis, prefix, options.versions?.ttl),

    mapping(name) {
      const mapping = options.config.current().mappings.get(name);
      if (!mapping) throw new TandemError('NOT_FOUND', `There is no mapping "${name}".`, { mapping: name });
      return mapping;
    },
    links: createStores(connected),
    client: clients.client,
    statuses: clients.statuses,
    context: (work) => contextOf(engine, work),
    trigger: (request, by) => trigger(engine, request, by),
    triggerAll: (request) => triggerAll(engine, request),
    events: (system, events) => markEvents(engine, system, events),

    async close() {
      forgetKey();
      await queues.close();
      await clients.close();
      await redis.quit();
    },
  };
  return engine;
}

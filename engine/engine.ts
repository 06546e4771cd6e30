/**
 * The engine as a library: the configuration in force, links, queues and runs over one Redis, and the systems. No HTTP
 * server, no console, no process control. A process that only serves HTTP makes one too; `startWorkers` makes it work.
 */
import type { Redis } from 'ioredis';
import type { ConfigStore } from './config/config-store.ts';
import type { Config, Mapping } from './config/types.ts';
import type { SystemStatus } from './connectors/circuit.ts';
import { createSystemClient, type SystemClient } from './connectors/client.ts';
import type { CallInfo, SystemDeps } from './connectors/host.ts';
import { type Connectors, connectorOf } from './connectors/registry.ts';
import { type ErrorCode, TandemError } from './errors.ts';
import type { Fingerprinter } from './expression/values.ts';
import type { Logger } from './logger.ts';
import { silent } from './logger.ts';
import type { Outcome } from './model/outcome.ts';
import { recordKey } from './model/record-key.ts';
import { connect } from './queue/connection.ts';
import { createRetirements, type Retirements } from './queue/retirements.ts';
import { createVersions, type VersionOptions, type Versions } from './queue/versions.ts';
import { createQueues, type Queues } from './runtime/queues.ts';
import type { Brake } from './store/brake.ts';
import { createDirty, type Dirty, type MarkEvent } from './store/dirty.ts';
import { type KeptFingerprinter, watchKey } from './store/fingerprints.ts';
import { createRuns, type Run, type Runs } from './store/runs.ts';
import { createStore, type Store } from './store/store.ts';
import { readsOf } from './store/store-context.ts';
import { createThroughput, type Throughput } from './store/throughput.ts';
import type { RunKind } from './sync/scan.ts';
import type { StepHook, SyncContext } from './sync/sync-context.ts';
import type { Tracing } from './tracing.ts';
import type { SideIndex } from './types.ts';

/** What a process gives to its engine. Callbacks are called where things happen, and not awaited. */
export interface EngineOptions {
  readonly redisUrl: string;
  /** First part of every Redis key; several Tandems may share one Redis under different prefixes. */
  readonly prefix?: string;
  readonly config: ConfigStore;
  /** Makes the fingerprints that are stored: `openFingerprinter`. */
  readonly fingerprinter: Fingerprinter & Partial<KeptFingerprinter>;
  /** Key for OAuth tokens at rest; needed only for systems with oauth2. */
  readonly encryptionKey?: string | undefined;
  readonly logger?: Logger;
  /** How long a worker may hold a record without a sign of life before another takes it over, in ms; default 30,000. */
  readonly claimTtl?: number;
  /** Milliseconds before the first try again, of a call in place and of a job; by default 200 and 1,000. */
  readonly retryDelay?: number | undefined;
  /** How often processes tell each other which versions of the mappings they have. */
  readonly versions?: VersionOptions;
  /** Awaited at each named moment of a reconcile: for tests that end the process there, or see by which reading it writes. */
  readonly step?: StepHook;
  readonly tracing?: Tracing;
  /** Kinds of connectors beside those that Tandem has. */
  readonly connectors?: Connectors;
  readonly onCall?: (call: CallInfo) => void;
  readonly onOutcome?: (event: OutcomeEvent) => void;
  readonly onFailure?: (failure: Failure) => void;
  readonly onBrake?: (event: BrakeEvent) => void;
}

/** What one reconcile came to. */
export interface OutcomeEvent {
  readonly mapping: string;
  /** Names of the sides. */
  readonly sides: readonly [string, string];
  readonly side: SideIndex;
  readonly id: string;
  readonly outcome: Outcome;
  /** How long it took. */
  readonly ms: number;
  /** Per side: milliseconds from a change on the other side until it was written here; undefined where none was. */
  readonly arrived: readonly [number | undefined, number | undefined];
}

/** A try that came to nothing, and what becomes of the work. */
export interface Failure {
  readonly mapping: string;
  readonly work: 'reconcile' | 'scan';
  readonly code: ErrorCode;
  /** `postponed`: it waits for quota or for another worker; `retried`: it is tried again; `failed`: it is not. */
  readonly result: 'postponed' | 'retried' | 'failed';
}

/** The brake of a mapping went on or off. */
export interface BrakeEvent {
  readonly mapping: string;
  readonly on: boolean;
  readonly brake: Brake;
}

export interface TriggerRequest {
  readonly mapping: string;
  readonly scan?: RunKind;
  readonly record?: { readonly side: SideIndex; readonly id: string };
  readonly plan?: boolean;
  /** The group run that this one belongs to. */
  readonly group?: string;
}

/** One per process, made by `createEngine`. While Redis is lost, commands wait for it, without a limit of time. */
export interface Engine {
  readonly options: EngineOptions;
  readonly prefix: string;
  readonly logger: Logger;
  readonly redis: Redis;
  readonly config: ConfigStore;
  readonly queues: Queues;
  /** Records that are to be looked at. */
  readonly dirty: Dirty;
  readonly throughput: Throughput;
  readonly runs: Runs;
  readonly versions: Versions;
  readonly retirements: Retirements;
  /** @throws TandemError NOT_FOUND */
  mapping(name: string): Mapping;
  /** @param config the configuration under which the work began: its rules are those of the store */
  links(mapping: string, config?: Config): Store;
  /**
   * @param config the configuration under which the work began; what it has of the system is kept until the next edit but one
   * @throws TandemError NOT_FOUND; STARTUP_REFUSED where the system cannot be used as it is set up
   */
  client(system: string, config?: Config): SystemClient;
  /** How each system that this process has called stands, by name. */
  statuses(): Record<string, SystemStatus>;
  /** A context for work that begins now, under the configuration in force now. */
  context(work: {
    owner: string;
    job?: string;
    config?: Config;
    /** The run that the work is for: what is queued of its mapping counts there. Else in every run under way. */
    run?: Pick<Run, 'id' | 'mapping'>;
  }): SyncContext;
  /** Begins a run, or returns the one that does the same already. @throws TandemError NOT_FOUND */
  trigger(request: TriggerRequest, by?: Run['trigger']): Promise<{ run: Run; started: boolean }>;
  /** Begins a run of every mapping, or returns the one that does the same already. */
  triggerAll(request: { scan: RunKind; plan?: boolean }): Promise<{ run: Run; started: boolean }>;
  /** Queues whatever concerns the records named by a system's webhook. @returns how many records were queued */
  events(system: string, events: readonly { event: string; id: string }[]): Promise<number>;
  close(): Promise<void>;
}

// Over 60 lines: a factory. What it returns are functions that share the connection, the queues, the stores and the clients.
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
  const dirty = createDirty(redis, prefix);
  const throughput = createThroughput(redis, prefix);
  const runs = createRuns(redis, prefix);
  const versions = createVersions(redis, prefix, options.versions, () => engine.statuses());
  const retirements = createRetirements(redis, prefix, options.versions?.ttl);
  /** Of each mapping the store under the rules asked for last, and the one before it: work under way keeps to its rules. */
  const links = new Map<string, Store[]>();
  /** Of each system the one in force, and the one before it: work under way finishes on what it began with. */
  const clients = new Map<string, { version: string; client: SystemClient }[]>();

  /** Has records looked at as soon as a worker is free: whatever happens to this process, they are not lost. */
  async function mark(mapping: string, records: readonly string[], event?: MarkEvent): Promise<void> {
    if (records.length === 0) return;
    await dirty.mark(mapping, records, 0, event);
    await queues.notify(mapping, event === undefined);
  }

  const engine: Engine = {
    options,
    prefix,
    logger,
    redis,
    config: options.config,
    queues,
    dirty,
    throughput,
    runs,
    versions,
    retirements,

    mapping(name) {
      const mapping = options.config.current().mappings.get(name);
      if (!mapping) throw new TandemError('NOT_FOUND', `There is no mapping "${name}".`, { mapping: name });
      return mapping;
    },

    links(name, config = options.config.current()) {
      const mapping = config.mappings.get(name) ?? { name, match: [] };
      const known = links.get(name) ?? [];
      const found = known.find(({ context }) => context.rules.reads === readsOf(mapping));
      if (found) return found;
      const store = createStore(redis, prefix, mapping, options.fingerprinter, (on, brake) =>
        options.onBrake?.({ mapping: mapping.name, on, brake }),
      );
      links.set(name, [store, ...known.slice(0, 1)]);
      return store;
    },

    client(name, begun) {
      const known = clients.get(name) ?? [];
      const former = begun?.systems.get(name)?.version;
      const kept = known.find(({ version }) => version === former);
      if (kept) return kept.client;
      const config = options.config.current().systems.get(name);
      if (!config) throw new TandemError('NOT_FOUND', `There is no system "${name}".`, { system: name });
      const current = known.find(({ version }) => version === config.version);
      if (current) {
        // Edited back: it is the one in force again.
        if (known[0] !== current) clients.set(name, [current, ...known.filter((one) => one !== current)]);
        return current.client;
      }
      const deps: SystemDeps = {
        retryDelay: options.retryDelay,
        redis,
        prefix,
        encryptionKey: options.encryptionKey,
        ...(options.onCall ? { onCall: options.onCall } : {}),
        ...(options.tracing ? { tracing: options.tracing } : {}),
        onClock(system, ahead) {
          const minutes = Math.round(Math.abs(ahead) / 60_000);
          const offset = `${minutes} min ${ahead > 0 ? 'ahead' : 'behind'}`;
          if (minutes > 0) logger.warn({ system, offset }, 'the clock of the system is off: set it, or this one');
          else logger.info({ system }, 'the clock of the system is right again');
        },
        onCircuit(system, { state, next, reason }) {
          if (state === 'unauthorized' || state === 'refusing')
            logger.error({ system, next, reason }, 'the system refuses all calls: its work waits');
          else if (state === 'down')
            logger.warn({ system, next }, 'the system is down: its calls wait, and it is tried again');
          else if (state === 'read-only')
            logger.warn(
              { system, next },
              'the system takes no writes: they wait, and one of them is tried now and then',
            );
          else logger.info({ system }, 'the system is back: its calls go again');
        },
      };
      const client = createSystemClient(config, deps, connectorOf(config, options.connectors));
      const [last, ...older] = known;
      clients.set(name, [{ version: config.version, client }, ...(last ? [last] : [])]);
      // Calls under way finish on the client they began with.
      for (const one of older)
        one.client
          .close()
          .catch((error: unknown) => logger.warn({ system: name, reason: String(error) }, 'closing a former client'));
      return client;
    },

    statuses() {
      const known = [...clients].filter(([name]) => options.config.current().systems.has(name));
      return Object.fromEntries(known.map(([name, [newest]]) => [name, newest!.client.circuit.status()]));
    },

    context({ owner, job, config = options.config.current(), run }) {
      return {
        config,
        client: (name) => engine.client(name, config),
        links: (name) => engine.links(name, config),
        fingerprinter: options.fingerprinter,
        owner,
        job,
        runSince: runs.since,
        claimTtl: options.claimTtl,
        step: options.step,
        notifyWorkers(mappings) {
          for (const name of mappings)
            queues
              .notify(name)
              .catch((error: unknown) =>
                logger.debug({ mapping: name, reason: String(error) }, 'waking: looked at again soon'),
              );
        },
        async enqueue(mapping, side, ids, retried = false) {
          const records = ids.map((id) => recordKey(side, id));
          const active = run?.mapping === mapping ? [run.id] : await runs.active(mapping);
          for (const id of active) await runs.expect({ id }, mapping, records, retried);
          await mark(mapping, records);
        },
      };
    },

    async trigger({ mapping: name, scan, record, plan = false, group }, by = 'api') {
      const mapping = engine.mapping(name);
      const { run, started } = await runs.begin(
        {
          mapping: name,
          scan: record ? 'record' : (scan ?? 'changes'),
          plan,
          trigger: by,
          ...(record ? { record } : {}),
        },
        group,
      );
      if (!started) {
        // The caller that asks again may have edited it after it was read: the same run looks once more.
        if (record && !plan) await engine.context({ owner: run.id, run }).enqueue(name, record.side, [record.id]);
        return { run, started };
      }
      if (record && !plan) {
        await runs.scanning(run);
        // Asked for by name: it is looked at even if nothing seems to have changed.
        await engine.links(name).states.forget([record]);
        await engine.context({ owner: run.id, run }).enqueue(name, record.side, [record.id]);
        await runs.scanned(run);
      } else {
        const job = {
          mapping: mapping.name,
          scan: scan ?? 'changes',
          run: run.id,
          plan,
          ...(record ? { record } : {}),
        } as const;
        await queues.scan.add('scan', job, { jobId: `run-${run.id}` });
      }
      return { run: (await runs.get(run.id)) ?? run, started };
    },

    async triggerAll({ scan, plan = false }) {
      const mappings = [...options.config.current().mappings.values()].sort((a, b) => a.depth - b.depth);
      const group = await runs.beginGroup({ scan, plan, trigger: 'api' });
      const begun: { run: Run; started: boolean }[] = [];
      for (const { name } of mappings) begun.push(await engine.trigger({ mapping: name, scan, plan, group }));
      if (begun.length > 0 && begun.every(({ started }) => !started)) {
        const groups = new Set(await Promise.all(begun.map(({ run }) => runs.groupOf(run.id))));
        const [same, ...others] = groups;
        const run = same && others.length === 0 ? await runs.get(same) : undefined;
        if (run?.mapping === '*') {
          await runs.dropGroup(group);
          return { run, started: false };
        }
      }
      const run = await runs.setChildren(
        group,
        begun.map(({ run }) => run.id),
      );
      return { run, started: true };
    },

    async events(system, events) {
      let queued = 0;
      const traces = options.tracing?.jobs.contextManager;
      const event = { at: Date.now(), trace: traces?.getMetadata(traces.active()) };
      for (const mapping of options.config.current().mappings.values()) {
        for (const side of mapping.sides) {
          if (side.system.name !== system) continue;
          const ids = [
            ...new Set(events.filter((event) => side.entity.events.includes(event.event)).map((event) => event.id)),
          ];
          if (ids.length === 0) continue;
          await mark(
            mapping.name,
            ids.map((id) => recordKey(side.index, id)),
            event,
          );
          queued += ids.length;
        }
      }
      return queued;
    },

    async close() {
      forgetKey();
      await queues.close();
      await Promise.all([...clients.values()].flat().map(({ client }) => client.close()));
      await redis.quit();
    },
  };
  return engine;
}

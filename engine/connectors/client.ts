/** One system, opened: its connector, whether it is down, its clock, and small lists that are kept in memory. */
import type { SystemConfig } from '../config/types.ts';
import { asTandemError, TandemError } from '../errors.ts';
import type { SystemRecord } from '../types.ts';
import { type Circuit, REFUSED } from './circuit.ts';
import type { SystemClock } from './clock.ts';
import type { Connector, ListOptions, OpenConnector, Page } from './connector.ts';
import { createHost, type SystemDeps } from './host.ts';
import { connectorOf } from './registry.ts';

/**
 * Calls one system under one version of its file; made by `createSystemClient`, holds connections until `close`. While
 * calls pause, its operations throw TandemError SYSTEM_DOWN at once.
 */
export interface SystemClient extends Connector {
  readonly config: SystemConfig;
  /** Whether the system is there, as far as this process has seen. */
  readonly circuit: Circuit;
  readonly clock: SystemClock;
  /** As every connector's; where the system refuses it, all calls pause. */
  check(entity: string): Promise<void>;
  /**
   * Before work that would be in vain without the system: returns at once unless it is down. One that may be tried again
   * is checked, once for all who wait for that: a response to a check is no matter of one record.
   * @throws TandemError SYSTEM_DOWN
   */
  ready(entity: string): Promise<void>;
  /** All records of a small entity, kept for its `cache` time (single-flight). */
  cached(entity: string): Promise<readonly SystemRecord[]>;
}

/** A check that passed shows for so long, in ms, that a refusal is about the record that was asked for. */
const CHECK_FRESH = 5_000;
/** Records of an entity that is kept in memory. */
const CACHED_RECORDS = 10_000;

// Over 60 lines: a factory. What it returns are the operations of a connector, each with what all of them need around it.
/**
 * @param open makes the connector; by default the one that the system file asks for
 * @throws TandemError STARTUP_REFUSED where the system cannot be used as it is set up
 */
export function createSystemClient(
  config: SystemConfig,
  deps: SystemDeps,
  open: OpenConnector = connectorOf(config),
): SystemClient {
  const host = createHost(config, deps);
  const connector = open(config, host);
  const { circuit, clock } = host;
  const kept = new Map<string, { until: number; records: Promise<readonly SystemRecord[]> }>();
  let trying: Promise<void> | undefined;
  let closing: Promise<void> | undefined;

  let checkedAt = Number.NEGATIVE_INFINITY;
  let checking: Promise<void> | undefined;

  async function check(entity: string): Promise<void> {
    try {
      await connector.check(entity);
      checkedAt = performance.now();
    } catch (cause) {
      const error = asTandemError(cause);
      if (REFUSED.has(error.code)) circuit.refuse(error);
      throw cause;
    }
  }

  const orDown = (error: unknown): unknown =>
    error instanceof TandemError && REFUSED.has(error.code) ? circuit.refuse(error) : error;

  /** A refusal may be about one record, or about everything: a check shows which. One serves all who are refused together. */
  async function refusesAll(entity: string): Promise<boolean> {
    if (circuit.open) return true;
    if (performance.now() - checkedAt < CHECK_FRESH) return false;
    checking ??= check(entity).finally(() => {
      checking = undefined;
    });
    await checking.catch(() => {});
    return circuit.open;
  }

  /** @throws TandemError SYSTEM_DOWN where the system refuses everything: that counts as no failed try of the record */
  async function orRefused(entity: string, cause: unknown): Promise<never> {
    if (deps.checkRefusals === false) throw cause;
    const error = asTandemError(cause);
    throw REFUSED.has(error.code) && (await refusesAll(entity)) ? orDown(error) : cause;
  }

  async function* list(entity: string, options?: ListOptions): AsyncGenerator<Page> {
    try {
      yield* connector.list(entity, options);
    } catch (error) {
      await orRefused(entity, error);
    }
  }

  async function tryOut(entity: string): Promise<void> {
    try {
      await check(entity);
    } catch (error) {
      // Another failure than before: it is there.
      if (circuit.open) throw orDown(error);
    }
  }

  async function readAll(name: string): Promise<readonly SystemRecord[]> {
    const records: SystemRecord[] = [];
    for await (const page of connector.list(name)) {
      records.push(...page.records);
      if (records.length <= CACHED_RECORDS) continue;
      const words = `${config.name} has more than ${CACHED_RECORDS} records of ${name}, which are too many to look up in`;
      throw new TandemError('SYSTEM_BAD_RESPONSE', words, { system: config.name, entity: name });
    }
    return records;
  }

  return {
    capabilities: (entity) => connector.capabilities(entity),
    check,
    list,
    read: (entity, id) => connector.read(entity, id).catch((error) => orRefused(entity, error)),
    find: (entity, field, value) => connector.find(entity, field, value).catch((error) => orRefused(entity, error)),
    create: (entity, data, options) =>
      connector.create(entity, data, options).catch((error) => orRefused(entity, error)),
    update: (entity, id, change, options) =>
      connector.update(entity, id, change, options).catch((error) => orRefused(entity, error)),
    delete: (entity, id, options) => connector.delete(entity, id, options).catch((error) => orRefused(entity, error)),
    config,
    circuit,
    clock,
    async ready(entity) {
      if (!circuit.open) return;
      trying ??= tryOut(entity).finally(() => {
        trying = undefined;
      });
      await trying;
    },
    async cached(name) {
      const known = kept.get(name);
      if (known !== undefined && known.until > host.now()) return await known.records;
      const entry = { until: Number.POSITIVE_INFINITY, records: readAll(name) };
      kept.set(name, entry);
      try {
        const records = await entry.records;
        // Nothing at all is more likely a slip than the truth, and no reason to ask less.
        entry.until = records.length === 0 ? 0 : host.now() + (config.entities[name]?.cache ?? 0);
        return records;
      } catch (error) {
        kept.delete(name);
        throw error;
      }
    },
    close() {
      host.close();
      closing ??= connector.close();
      return closing;
    },
  };
}

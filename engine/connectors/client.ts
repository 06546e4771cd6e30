/** One system, opened: its connector, whether it is down, its clock, and small lists that are kept in memory. */
import type { SystemConfig } from '../config/types.ts';
import type { SystemRecord } from '../types.ts';
import type { Circuit } from './circuit.ts';
import type { SystemClock } from './clock.ts';
import type { Connector, ListOptions, OpenConnector, Page } from './connector.ts';
import { createHost, type SystemDeps } from './host.ts';
import { createRecordCache } from './record-cache.ts';
import { createRefusals } from './refusals.ts';
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
  const { check, ready, orRefused } = createRefusals(connector, circuit, deps.checkRefusals);
  let closing: Promise<void> | undefined;

  async function* list(entity: string, options?: ListOptions): AsyncGenerator<Page> {
    try {
      yield* connector.list(entity, options);
    } catch (error) {
      await orRefused(entity, error);
    }
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
    ready,
    cached: createRecordCache(config, connector, host.now),
    close() {
      host.close();
      closing ??= connector.close();
      return closing;
    },
  };
}

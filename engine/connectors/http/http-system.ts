/** What all operations of the HTTP kind share: the system that they speak to, how a request is made and sent, how an answer is read. */
import type { EntityConfig, OperationConfig, SystemConfig } from '../../config/types.ts';
import { asTandemError, TandemError } from '../../errors.ts';
import { sleep } from '../../timing.ts';
import type { SystemRecord } from '../../types.ts';
import type { ConnectorHost, Operation } from '../connector.ts';
import type { Call, HttpResponse } from './call.ts';
import { headerOf } from './response.ts';
import { fillPath, fillQuery } from './template.ts';
import { toRecord } from './to-record.ts';
import type { Transport } from './transport.ts';

/** A system that is open. */
export interface HttpSystem {
  readonly config: SystemConfig;
  readonly host: ConnectorHost;
  readonly transport: Transport;
  /** What describes the account, as expressions get it. */
  readonly account: () => Promise<unknown>;
  /** Per entity: in which form the system took a version last. */
  readonly forms: Map<string, (tag: string) => string>;
  /** Since when the version of a record is refused that its reads show, by entity and id; `performance.now()`. */
  readonly refused: Map<string, { readonly version: string; readonly since: number }>;
}

export function entityOf(http: HttpSystem, name: string): EntityConfig {
  const entity = Object.hasOwn(http.config.entities, name) ? http.config.entities[name] : undefined;
  if (entity !== undefined) return entity;
  throw new TandemError('CONFIG_REFERENCE', `${http.config.name} has no entity '${name}'`, {
    system: http.config.name,
  });
}

export function offered<T>(http: HttpSystem, operation: T | undefined, name: Operation, entity: string): T {
  if (operation !== undefined) return operation;
  const words = `${http.config.name} does not offer to ${name} ${entity}`;
  throw new TandemError('OPERATION_UNSUPPORTED', words, { system: http.config.name, entity });
}

export function callOf(
  operation: OperationConfig,
  entity: string,
  name: Operation,
  values: { id?: string; value?: string } = {},
): Call & { query: URLSearchParams } {
  return {
    entity,
    operation: name,
    method: operation.method,
    path: fillPath(operation.path, values),
    template: operation.path,
    query: fillQuery(operation.query, values),
    single: values.id !== undefined,
  };
}

/**
 * Waits for quota, and for a system that is down, up to `patience` milliseconds in all: a list must not begin again
 * because of a moment without.
 * @param first nothing is lost by beginning again: a system that is down is not waited for
 */
export async function sendPatiently(
  http: HttpSystem,
  call: Call,
  patience: number,
  first = false,
): Promise<HttpResponse> {
  const end = performance.now() + patience;
  for (;;) {
    try {
      return await http.transport.send(call);
    } catch (error) {
      const passes =
        error instanceof TandemError && (error.code === 'SYSTEM_THROTTLED' || (error.code === 'SYSTEM_DOWN' && !first));
      const wait = passes ? error.context.retryAfter : undefined;
      if (wait === undefined || performance.now() + wait > end) throw error;
      await sleep(wait, call.signal);
    }
  }
}

export function located<T>(http: HttpSystem, entity: EntityConfig, work: () => T): T {
  try {
    return work();
  } catch (error) {
    const { code, message, context } = asTandemError(error);
    throw new TandemError(code, `${http.config.name}, ${entity.name}: ${message}`, {
      ...context,
      system: http.config.name,
      entity: entity.name,
    });
  }
}

export async function recordOf(entity: EntityConfig, answer: HttpResponse): Promise<SystemRecord> {
  const version = entity.update?.version === undefined ? undefined : headerOf(answer.headers, 'etag');
  return await toRecord(entity, answer.body, version);
}

export function withId(error: unknown, id: string): TandemError {
  const { code, message, context } = asTandemError(error);
  return new TandemError(code, message, { ...context, id });
}

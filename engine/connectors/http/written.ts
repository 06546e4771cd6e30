/** What is sent of a record: `denormalize` of its entity, with what describes the account. */
import type { EntityConfig } from '../../config/types.ts';
import { asTandemError, TandemError } from '../../errors.ts';
import { restoreExact } from '../../json.ts';
import type { JsonObject } from '../../types.ts';
import { callOf, type HttpSystem } from './http-system.ts';
import { isObject } from './read-path.ts';

/** @param record the whole normalized record, with what is only read */
export async function written(
  http: HttpSystem,
  entity: EntityConfig,
  body: JsonObject,
  record: JsonObject,
): Promise<JsonObject> {
  if (entity.denormalize === undefined) return body;
  const place = { system: http.config.name, entity: entity.name };
  let made: unknown;
  try {
    made = restoreExact(await entity.denormalize.evaluate(body, { record, account: http.account }), body);
  } catch (error) {
    const { code, message, context } = asTandemError(error);
    throw new TandemError(code, message, { ...context, ...place, cause: error });
  }
  if (isObject(made)) return made as JsonObject;
  throw new TandemError('EXPRESSION_FAILED', `'denormalize' of ${entity.name} did not make an object`, place);
}

/** What describes the account: asked once, and kept as long as the system file says. */
export function createAccount({
  config,
  host,
  transport,
}: Pick<HttpSystem, 'config' | 'host' | 'transport'>): () => Promise<unknown> {
  let known: { until: number; body: Promise<unknown> } | undefined;
  return async () => {
    const operation = config.account;
    if (operation === undefined) return undefined;
    if (known === undefined || known.until <= host.now()) {
      const body = transport.send({ ...callOf(operation, 'account', 'read'), single: true }).then(({ body }) => body);
      known = { until: host.now() + operation.cache, body };
    }
    try {
      return await known.body;
    } catch (error) {
      known = undefined;
      const { code, message, context } = asTandemError(error);
      throw new TandemError(code, `What describes the account cannot be read: ${message}`, context);
    }
  };
}

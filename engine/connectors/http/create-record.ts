/** Creates: the response holds the record or its id. */
import { TandemError } from '../../errors.ts';
import type { JsonObject, SystemRecord } from '../../types.ts';
import type { CreateOptions } from '../connector.ts';
import { callOf, entityOf, type HttpSystem, offered, recordOf } from './http-system.ts';
import { read, WRITTEN_PATIENCE } from './read.ts';
import { readPath } from './read-path.ts';
import { createBody } from './request-body.ts';
import { toId } from './to-record.ts';
import { written } from './written.ts';

export async function create(
  http: HttpSystem,
  name: string,
  data: JsonObject,
  options: CreateOptions = {},
): Promise<SystemRecord> {
  const entity = entityOf(http, name);
  const operation = offered(http, entity.create, 'create', name);
  const headers =
    operation.idempotency === undefined || options.idempotencyKey === undefined
      ? {}
      : { [operation.idempotency]: options.idempotencyKey };
  const body = await written(http, entity, createBody(entity.schema, data), data);
  const call = callOf(operation, name, 'create');
  const answer = await http.transport.send({ ...call, body, headers, guard: options.guard });
  const received = Date.now();
  const id = toId(readPath(answer.body, entity.id));
  try {
    const record =
      operation.answer === 'record'
        ? await recordOf(entity, answer)
        : id === undefined
          ? undefined
          : await read(http, name, id, WRITTEN_PATIENCE);
    if (record?.modified !== undefined) await noteClock(http, name, Date.parse(record.modified), received);
    if (record !== undefined) return record;
  } catch (error) {
    throw created(http, name, id, error);
  }
  throw created(http, name, id, undefined);
}

async function noteClock(http: HttpSystem, entity: string, modified: number, received: number): Promise<void> {
  // The record is created all the same. Where Redis is gone, the commit that follows says so.
  await http.host.clock.noteCreate(entity, modified, received).catch(() => {});
}

/** The record is there, only what it looks like is not known: the caller can link it by its id. */
function created(http: HttpSystem, entity: string, id: string | undefined, cause: unknown): TandemError {
  const words =
    id === undefined
      ? `${http.config.name} answered the creation of a record of ${entity} without a usable id`
      : `The record of ${entity} was created in ${http.config.name}, and could not be read after`;
  return new TandemError('OUTCOME_UNKNOWN', words, {
    system: http.config.name,
    entity,
    ...(id === undefined ? {} : { id }),
    ...(cause === undefined ? {} : { cause }),
  });
}

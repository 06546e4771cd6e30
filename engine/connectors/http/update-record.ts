/** Updates, on the condition that the record is still the one that was read. */
import type { EntityConfig } from '../../config/types.ts';
import { asTandemError, TandemError } from '../../errors.ts';
import { stableJson } from '../../expression/values.ts';
import type { SystemRecord } from '../../types.ts';
import type { Change, UpdateOptions } from '../connector.ts';
import type { Call, HttpResponse } from './call.ts';
import { FORMS } from './etag.ts';
import { callOf, entityOf, type HttpSystem, offered, recordOf, withId } from './http-system.ts';
import { read, WRITTEN_PATIENCE } from './read.ts';
import { maskOf, updateBody } from './request-body.ts';
import { written } from './written.ts';

export async function update(
  http: HttpSystem,
  name: string,
  id: string,
  change: Change,
  { guard, taken }: UpdateOptions = {},
): Promise<SystemRecord> {
  const entity = entityOf(http, name);
  const operation = offered(http, entity.update, 'update', name);
  const normalized = updateBody(operation, entity.schema, change.data, change.changed);
  if (Object.keys(normalized).length > 0) {
    const body = await written(http, entity, normalized, change.data);
    const call = callOf(operation, name, 'update', { id });
    for (const [param, text] of maskOf(operation, body)) call.query.append(param, text);
    try {
      const answer = await sendVersioned(http, { ...call, body, guard }, entity, id, change);
      taken?.();
      if (operation.answer === 'record' && answer.body !== undefined) return await recordOf(entity, answer);
    } catch (error) {
      throw withId(error, id);
    }
  }
  const record = await read(http, name, id, WRITTEN_PATIENCE);
  if (record !== undefined) return record;
  const words = `The record of ${name} is gone from ${http.config.name}`;
  throw new TandemError('SYSTEM_NOT_FOUND', words, { system: http.config.name, entity: name, id });
}

/**
 * Sends an update on the condition that the record still has the version that was read. Where the system says that it
 * has not, and the record is the same all the same, the version is tried in other forms.
 */
async function sendVersioned(
  http: HttpSystem,
  call: Call,
  entity: EntityConfig,
  id: string,
  change: Change,
): Promise<HttpResponse> {
  const header = entity.update?.version;
  if (header === undefined || change.version === undefined) return await http.transport.send(call);
  const send = (version: string): Promise<HttpResponse> =>
    http.transport.send({ ...call, headers: { [header]: version }, conditional: true });
  const known = http.forms.get(entity.name) ?? FORMS[0]!;
  const tried = new Set([known(change.version)]);
  try {
    const answer = await send(known(change.version));
    http.refused.delete(keyOf(entity, id));
    return answer;
  } catch (error) {
    const refused = asTandemError(error);
    if (refused.code !== 'RECORD_CHANGED' || change.before === undefined) throw error;
    const now = await read(http, entity.name, id, WRITTEN_PATIENCE);
    if (now === undefined || stableJson(now.data) !== stableJson(change.before)) {
      http.refused.delete(keyOf(entity, id));
      throw error;
    }
    if (refused.context.status !== 412)
      throw new TandemError(
        'SYSTEM_REFUSED',
        refused.message.replace(/^[^:]*/, `${http.config.name} refuses this for now`),
        refused.context,
      );
    for (const form of now.version === undefined ? [] : FORMS) {
      const version = form(now.version!);
      if (tried.has(version)) continue;
      tried.add(version);
      try {
        const answer = await send(version);
        http.forms.set(entity.name, form);
        http.refused.delete(keyOf(entity, id));
        return answer;
      } catch (again) {
        if (asTandemError(again).code !== 'RECORD_CHANGED') throw again;
      }
    }
    // Where each reading has another version of the same data, it is no old one.
    if (now.version === change.version && mayBeOld(http, entity, id, change.version)) throw error;
    const words = `${http.config.name} refuses the version (${header}) that it gave itself, and the record of ${entity.name} did not change`;
    throw new TandemError('VERSION_REFUSED', words, { ...refused.context, cause: error });
  }
}

const keyOf = ({ name }: EntityConfig, id: string): string => `${name} ${id}`;

/** Records whose versions are refused that are remembered at most. */
const REMEMBERED = 1_000;

/**
 * Reads may lag behind a write, by somebody else or by us: they show the record as it was, with its version of then, and the
 * system rightly refuses that. So it is read and tried again for as long as that may last.
 */
function mayBeOld({ refused }: HttpSystem, entity: EntityConfig, id: string, version: string): boolean {
  const key = keyOf(entity, id);
  const now = performance.now();
  const former = refused.get(key);
  // Another process may have written it since: then it is another version that is shown too long.
  const since = former?.version === version ? former.since : now;
  refused.delete(key);
  if (now - since >= entity.lag) return false;
  refused.set(key, { version, since });
  for (const oldest of refused.keys()) if (refused.size > REMEMBERED) refused.delete(oldest);
  return true;
}

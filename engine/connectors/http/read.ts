/** One record by its id. */
import { TandemError } from '../../errors.ts';
import type { SystemRecord } from '../../types.ts';
import type { Call, HttpResponse } from './call.ts';
import { callOf, entityOf, type HttpSystem, offered, recordOf, sendPatiently, withId } from './http-system.ts';
import { itemsOf } from './paging.ts';
import { isDeleted } from './to-record.ts';

/** Milliseconds that reading back what was just written waits for quota: giving up would cost a search for it later. */
export const WRITTEN_PATIENCE = 30_000;

/** So often a read is sent on: from a merged record to the one that it was merged into, and from that to another one. */
const MOST_REDIRECTS = 3;

/** Asked for a record that was merged, a system may redirect to the other one, whose id tells what happened. */
async function follow(http: HttpSystem, call: Call, patience: number): Promise<HttpResponse> {
  let answer = await sendPatiently(http, { ...call, redirects: true }, patience);
  for (let left = MOST_REDIRECTS; answer.movedTo !== undefined; left--) {
    const url = answer.movedTo;
    answer = await sendPatiently(http, { ...call, url, redirects: left > 1 }, patience).catch((error) => {
      if (!isNotFound(error) || isRecordUrl(call, url)) throw error;
      // A page for signing in or of a maintenance, say: that it is not there is no deletion of the record.
      const words = `${http.config.name} redirected the read of a record of ${call.entity} to a place that holds none`;
      throw new TandemError('SYSTEM_BAD_RESPONSE', words, { system: http.config.name, entity: call.entity });
    });
  }
  return answer;
}

const isNotFound = (error: unknown): boolean => error instanceof TandemError && error.code === 'SYSTEM_NOT_FOUND';

/** Whether a URL is that of a record of the same entity. */
function isRecordUrl({ template }: Call, url: string): boolean {
  const parts = (path: string): string[] => path.split('/').filter((part) => part !== '');
  const [declared, found] = [parts(template), parts(new URL(url).pathname)];
  const last = found.slice(-declared.length);
  return last.length === declared.length && declared.every((part, i) => part.includes('{') || part === last[i]);
}

export async function read(
  http: HttpSystem,
  name: string,
  id: string,
  patience = 0,
): Promise<SystemRecord | undefined> {
  const entity = entityOf(http, name);
  const operation = offered(http, entity.read, 'read', name);
  const call = callOf(operation, name, 'read', { id });
  try {
    const answer = await follow(http, { ...call, single: operation.items === undefined }, patience);
    const there = (record: SystemRecord): SystemRecord | undefined => (isDeleted(entity, record) ? undefined : record);
    if (operation.items === undefined) return there(await recordOf(entity, answer));
    const [found, ...more] = itemsOf(answer.body, operation.items);
    if (more.length > 0) {
      const words = `${http.config.name} answered several records of ${name} where one was asked for by its id`;
      throw new TandemError('SYSTEM_BAD_RESPONSE', words, { system: http.config.name, entity: name });
    }
    if (found !== undefined) return there(await recordOf(entity, { ...answer, body: found }));
    if (operation.exists === undefined) return undefined;
    // A list may lag behind, or be empty by mistake: neither is a deletion. A 404 here is one.
    const exists = callOf({ method: 'GET', path: operation.exists, query: {} }, name, 'read', { id });
    const other = await recordOf(entity, await follow(http, exists, patience));
    // It was merged: the list rightly shows nothing under this id.
    if (other.id !== id) return other;
    const words = `${http.config.name} has a record of ${name} that its list does not show`;
    throw new TandemError('SYSTEM_BAD_RESPONSE', words, { system: http.config.name, entity: name });
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw withId(error, id);
  }
}

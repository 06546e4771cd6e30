/**
 * What no client can prevent: Keap writes without a condition and takes nested objects whole, so an edit that is made
 * after the engine has read a record and before Keap carries out the engine's write is overwritten unseen. It is
 * distinguished from a bug by the requests: between the edit and the write that overtook it the engine did not read the
 * record, or its reads lagged and did not show the edit.
 */
import type { LoggedRequest } from '../../../sandbox/kit/request-log.ts';
import type { Edit } from './model.ts';
import { CLIENT_TIMEOUT, type Setting } from './setting.ts';
import { type Place, places, type RecordData } from './things.ts';

/** How long after a request came in Keap may carry it out, in ms, where it never answers. */
const CARRIED_OUT = 1_000;

const pathOf = ({ path }: LoggedRequest): string => path.split('?', 1)[0]!;

/** Requests for one record of Keap: by its address, or by a filter, as companies are read. */
function requestsFor({ keap }: Setting, entity: string, id: string): LoggedRequest[] {
  const list = `/crm/rest/v2/${entity}`;
  const filter = new RegExp(`company_id==${id}(?!\\d)`);
  return keap.requests
    .since()
    .filter(
      (request) =>
        pathOf(request) === `${list}/${id}` ||
        (pathOf(request) === list && filter.test(decodeURIComponent(request.path))),
    );
}

/** @param edit what a person did to the record there, and when, epoch ms */
export function isOvertaken(setting: Setting, edit: Pick<Edit, 'place' | 'at'>, record: RecordData): boolean {
  const { system, entity } = places[edit.place];
  if (system !== 'keap') return false;
  const id = String(record.id);
  const requests = requestsFor(setting, entity, id);
  const lists = setting.keap.requests.since().filter((request) => pathOf(request) === `/crm/rest/v2/${entity}`);
  return requests.some((write, i) => {
    const carriedOut = write.endedAt === undefined ? Date.parse(write.at) + CARRIED_OUT : Date.parse(write.endedAt);
    if (write.method !== 'PATCH' || carriedOut < edit.at) return false;
    const read = readFor(write, requests.slice(0, i), lists);
    return read === undefined || shownAt(setting, edit.place, id, read) <= edit.at;
  });
}

/**
 * When the record was asked for by which a write was made, epoch ms. The writer tells when it had the answer: another process,
 * and the same one for another record that it may belong to, may have read it since.
 */
function readFor(
  write: LoggedRequest,
  before: readonly LoggedRequest[],
  lists: readonly LoggedRequest[],
): number | undefined {
  const { readAt } = write;
  const isRead = ({ method, sender, n }: LoggedRequest): boolean =>
    method === 'GET' && sender === write.sender && n < write.n;
  if (readAt === undefined) {
    // A record that was never read by its id was on a page.
    const read = before.findLast(isRead) ?? lists.findLast(isRead);
    return read && Date.parse(read.at);
  }
  // The last answer that was made before: on a busy machine it is some time on its way.
  const answered = before
    .filter(isRead)
    .filter(({ at, endedAt }) => endedAt !== undefined && Date.parse(at) >= readAt - CLIENT_TIMEOUT)
    .filter(({ endedAt }) => Date.parse(endedAt!) <= readAt)
    .sort((one, other) => Date.parse(one.endedAt!) - Date.parse(other.endedAt!));
  const read = answered.at(-1);
  return read ? Date.parse(read.at) : readAt;
}

/** When a record was as a read showed it: while reads lag, they show what stood there before a write. */
function shownAt(setting: Setting, place: Place, id: string, read: number): number {
  const { system, entity } = places[place];
  const lags = setting
    .system(system)
    .behaviours.happened()
    .filter((one) => one.behaviour === 'lag' && one.entity === entity && one.id === id);
  const begun = lags.filter(({ at, until = 0 }) => at <= read && read < until).map(({ at }) => at);
  return Math.min(read, ...begun);
}

/**
 * A person takes back what was just written, before a reading has shown it: Keap answers nothing to a write of a company, which
 * is read after it, and reads may lag. It looks as if Keap had stored nothing of the write, and nobody can tell: an issue asks.
 */
export function isUndoneUnread(
  setting: Setting,
  { place, value, at }: Edit,
  record: RecordData,
  settled: string | undefined,
): boolean {
  if (places[place].system !== 'keap' || (value !== '' && value !== settled)) return false;
  const id = String(record.id);
  const requests = requestsFor(setting, places[place].entity, id);
  const last = requests.findLastIndex((request) => request.method === 'PATCH' && Date.parse(request.at) <= at);
  const write = requests[last];
  if (!write) return false;
  const written = Date.parse(write.endedAt ?? write.at);
  const hasShown = ({ method, at: read }: LoggedRequest): boolean =>
    method === 'GET' && shownAt(setting, place, id, Date.parse(read)) > written;
  const answered = place !== 'company' && shownAt(setting, place, id, written + 1) > written;
  const read = answered ? write : requests.slice(last).find(hasShown);
  // What a read shows was there at some time before its answer was made.
  return read === undefined || Date.parse(read.endedAt ?? read.at) >= at;
}

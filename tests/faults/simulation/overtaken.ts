/**
 * What no client can prevent: Keap writes without a condition and takes nested objects whole, so an edit that is made
 * after the engine has read a record and before Keap carries out the engine's write is overwritten unseen. It is
 * distinguished from a bug by the requests: between the edit and the write that overtook it the engine did not read the
 * record, or its reads lagged and did not show the edit.
 */
import type { Edit } from './model.ts';
import type { Setting } from './setting.ts';
import { type Place, places, type RecordData } from './things.ts';

/** How long after a request came in Keap may carry it out, in ms, where it never answers. */
const CARRIED_OUT = 1_000;

const pathOf = (request: { path: string }): string | undefined => request.path.split('?', 1)[0];

export function isOvertaken(setting: Setting, edit: Edit, record: RecordData): boolean {
  const { system, entity } = places[edit.place];
  if (system !== 'keap') return false;
  const path = `/crm/rest/v2/${entity}/${String(record.id)}`;
  const all = setting.keap.requests.since();
  const requests = all.filter((request) => pathOf(request) === path);
  const lists = all.filter((request) => pathOf(request) === `/crm/rest/v2/${entity}`);
  return requests.some((write, i) => {
    const carriedOut = write.endedAt === undefined ? Date.parse(write.at) + CARRIED_OUT : Date.parse(write.endedAt);
    if (write.method !== 'PATCH' || carriedOut < edit.at) return false;
    // Another process may have read it since, as a candidate of another record.
    const byWriter = ({ method, sender }: { method: string; sender?: string }): boolean =>
      method === 'GET' && sender === write.sender;
    // A record that was never read by its id was on a page.
    const read = requests.slice(0, i).findLast(byWriter) ?? lists.findLast((one) => byWriter(one) && one.n < write.n);
    return read === undefined || shownAt(setting, edit.place, String(record.id), Date.parse(read.at)) <= edit.at;
  });
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
 * Keap answers nothing to a write of a company: the record is read after it. What a person clears between the two looks as if
 * Keap had stored nothing of the write, and nobody can tell: an issue asks.
 */
export function isClearedUnread({ keap }: Setting, { place, value, at }: Edit, record: RecordData): boolean {
  if (place !== 'company' || value !== '') return false;
  const path = `/crm/rest/v2/companies/${String(record.id)}`;
  const requests = keap.requests.since().filter((request) => pathOf(request) === path);
  const write = requests.findLastIndex((request) => request.method === 'PATCH' && Date.parse(request.at) <= at);
  if (write === -1) return false;
  const read = requests.slice(write).find(({ method }) => method === 'GET');
  return read === undefined || Date.parse(read.at) >= at;
}

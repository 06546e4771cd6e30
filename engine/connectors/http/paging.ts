/** Paging: what the next request adds, decided from the page just read. Pure; one function per kind. */
import { createHash } from 'node:crypto';
import type { PagingConfig } from '../../config/types.ts';
import { TandemError } from '../../errors.ts';
import { ExactNumber } from '../../json.ts';
import { readPath } from './read-path.ts';
import { mostRecords } from './response-body.ts';

/** What the next request adds to the first one: query parameters, or a whole URL. */
export interface PageRequest {
  readonly query: Readonly<Record<string, string>>;
  readonly url: string | undefined;
}

export interface PageAnswer {
  readonly body: unknown;
  /** Raw records of the page. */
  readonly items: readonly unknown[];
  /** Id of the last record, for `cursor`. */
  readonly lastId: string | undefined;
  /** Value of the `Link` header. */
  readonly link: string | undefined;
}

export interface Pager {
  readonly first: PageRequest;
  /** @returns undefined after the last page. @throws TandemError SYSTEM_BAD_RESPONSE where a token comes back: it would never end */
  next(answer: PageAnswer): PageRequest | undefined;
}

/** Characters of a token, or of the address of the next page: longer ones no server takes. */
const LONGEST_TOKEN = 4_096;
/** Pages of one list. */
const MOST_PAGES = 100_000;
/** Pages without a record, one after the other: a filter may leave some empty. */
const MOST_EMPTY = 100;

/**
 * @param from the request to begin with; by default the first of the list
 * @throws TandemError SYSTEM_BAD_RESPONSE where a list does not end
 */
export function createPager(paging: PagingConfig, from?: PageRequest): Pager {
  const { first, next } = createSteps(paging, from);
  let pages = 0;
  let empty = 0;
  return {
    first,
    next: (answer) => {
      empty = answer.items.length === 0 ? empty + 1 : 0;
      const request = next(answer);
      if (request === undefined) return undefined;
      if (++pages >= MOST_PAGES) throw refused(`The list has more than ${MOST_PAGES} pages`);
      if (empty >= MOST_EMPTY) throw refused(`The list goes on after ${MOST_EMPTY} pages without a record`);
      return request;
    },
  };
}

const request = (query: Readonly<Record<string, string>>, url?: string): PageRequest => ({ query, url });

function createSteps(paging: PagingConfig, from?: PageRequest): Pager {
  switch (paging.kind) {
    case 'none':
      return { first: request({}), next: () => undefined };
    case 'page':
      return pageSteps(paging, from);
    case 'offset':
      return offsetSteps(paging, from);
    case 'token':
      return tokenSteps(paging);
    case 'cursor':
      return cursorSteps(paging, from);
    case 'link':
      return linkSteps(from);
  }
}

type Paging<Kind> = Extract<PagingConfig, { kind: Kind }>;

function pageSteps(paging: Paging<'page'>, from?: PageRequest): Pager {
  let page = Number(from?.query[paging.param] ?? paging.first);
  return {
    first: request({ [paging.param]: String(page) }),
    next: ({ items }) => {
      // A page with fewer records than were asked for says nothing: a system may give fewer, or leave some out.
      if (items.length === 0) return undefined;
      page += 1;
      return request({ [paging.param]: String(page) });
    },
  };
}

function offsetSteps(paging: Paging<'offset'>, from?: PageRequest): Pager {
  let offset = Number(from?.query[paging.param] ?? 0);
  return {
    first: request({ [paging.param]: String(offset) }),
    next: ({ items }) => {
      if (items.length === 0) return undefined;
      offset += items.length;
      return request({ [paging.param]: String(offset) });
    },
  };
}

function tokenSteps(paging: Paging<'token'>): Pager {
  const once = guard();
  return {
    first: request({}),
    next: ({ body }) => {
      const token = readPath(body, paging.next);
      if (token === undefined || token === null || token === '') return undefined;
      if (typeof token !== 'string' && typeof token !== 'number' && !(token instanceof ExactNumber)) {
        throw new TandemError('SYSTEM_BAD_RESPONSE', `'${paging.next}' of the answer is no page token`);
      }
      const text = String(token);
      const url = /^https?:/i.test(text) && URL.canParse(text) ? new URL(text) : undefined;
      const within = url?.searchParams.get(paging.param);
      // Some systems answer the address of the next page where they describe a token. Its token is used with the query
      // of this list; an address without one is followed, on the same host only.
      if (url !== undefined && !within) return request({}, once(text));
      return request({ [paging.param]: once(within ?? text) });
    },
  };
}

function cursorSteps(paging: Paging<'cursor'>, from?: PageRequest): Pager {
  const once = guard();
  return {
    first: from ?? request({}),
    next: ({ items, lastId }) => {
      if (items.length === 0) return undefined;
      if (lastId === undefined) {
        throw new TandemError('SYSTEM_BAD_RESPONSE', 'The last record of a page has no id to go on from');
      }
      return request({ [paging.param]: once(lastId) });
    },
  };
}

function linkSteps(from?: PageRequest): Pager {
  const once = guard();
  return {
    first: from ?? request({}),
    next: ({ link }) => {
      const url = nextLink(link);
      return url === undefined ? undefined : request({}, once(url));
    },
  };
}

const ENDS = new Set([400, 404, 410, 416, 422]);

/** Whether an error may mean that the page that was asked for lies beyond the end of the list. */
export const mayBeEnd = ({ code, context }: TandemError): boolean =>
  (code === 'SYSTEM_NOT_FOUND' || code === 'SYSTEM_REJECTED' || code === 'SYSTEM_REFUSED') &&
  context.status !== undefined &&
  ENDS.has(context.status);

/**
 * Whether a page is the one before it once more: some systems answer the last page for every one after it.
 * @param full records in a page, as they are asked for
 * @throws TandemError SYSTEM_BAD_RESPONSE where it is a full page: then the system does not take the parameter
 */
export function isRepeated(before: ReadonlySet<string>, current: ReadonlySet<string>, full: number): boolean {
  if (current.size === 0 || current.size !== before.size || [...current].some((id) => !before.has(id))) return false;
  if (current.size < full) return true;
  throw refused('Two pages of the list hold the same records: does the system take the parameter of "paging"?');
}

/**
 * Records that moved from one page to the page before it while the list was read, because one before them was deleted:
 * they are in neither. The page before is read once more after each page, and shows them.
 * @param before ids of the page before, as it was read first
 * @param current ids of the page that was read after it
 * @param again the page before, read once more
 * @throws TandemError SYSTEM_UNAVAILABLE where so many were deleted that there may be a gap: the list is read again later
 */
export function missedBetween(
  before: ReadonlySet<string>,
  current: ReadonlySet<string>,
  again: readonly unknown[],
  idOf: (item: unknown) => string | undefined,
): unknown[] {
  const ids = again.map(idOf);
  const missed = again.filter((_, i) => {
    const id = ids[i];
    return id !== undefined && !before.has(id) && !current.has(id);
  });
  // Nothing of what was there: more may have moved than is seen. New records before them push some out, never all.
  if (missed.length > 0 && !ids.some((id) => id !== undefined && before.has(id)))
    throw new TandemError('SYSTEM_UNAVAILABLE', 'The list shifted by more than a page while it was read');
  return missed;
}

/**
 * Raw records of an answer.
 * @param most records of one page
 * @throws TandemError SYSTEM_BAD_RESPONSE where there is no array, or one that is no page: no answer must look like an empty one
 */
export function itemsOf(body: unknown, path: string, most = mostRecords(undefined)): readonly unknown[] {
  const items = readPath(body, path);
  const place = path === '' ? 'The answer is' : `'${path}' of the answer is`;
  if (!Array.isArray(items)) throw refused(`${place} no list`);
  if (items.length > most)
    throw refused(`${place} a list of ${items.length} records, where a page has at most ${most}`);
  return items;
}

/** Target of `rel="next"` in a Link header (RFC 8288). */
export function nextLink(header: string | undefined): string | undefined {
  if (header === undefined) return undefined;
  for (const [, url, parameters] of header.matchAll(
    /<([^<>]*)>((?:\s*;\s*[^\s=;,]+(?:\s*=\s*(?:"[^"]*"|[^\s",;]+))?)*)/g,
  )) {
    const rel = /;\s*rel\s*=\s*(?:"([^"]*)"|([^\s",;]+))/i.exec(parameters ?? '');
    if ((rel?.[1] ?? rel?.[2] ?? '').toLowerCase().split(/\s+/).includes('next')) return url;
  }
  return undefined;
}

/** Passes each token once. They are kept as hashes: a scan may have very many. */
function guard(): (token: string) => string {
  const seen = new Set<string>();
  return (token) => {
    if (token.length > LONGEST_TOKEN)
      throw refused(`The list leads on by a token or link of more than ${LONGEST_TOKEN} characters`);
    const key = createHash('sha256').update(token).digest('base64url').slice(0, 22);
    if (seen.has(key)) throw refused('The list leads back to a page that was read already');
    seen.add(key);
    return token;
  };
}

const refused = (message: string): TandemError => new TandemError('SYSTEM_BAD_RESPONSE', message);

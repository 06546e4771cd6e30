/** Reads the pages of a list one after the other, to where the system says that it ends. */

import type { EntityConfig, PagingConfig } from '../../config/types.ts';
import { asTandemError } from '../../errors.ts';
import { CheckpointLost } from '../connector.ts';
import type { HttpResponse } from './call.ts';
import { createPager, isRepeated, itemsOf, mayBeEnd, missedBetween, nextLink, type PageRequest } from './paging.ts';
import { readPath } from './read-path.ts';
import { headerOf } from './response.ts';
import { mostRecords } from './response-body.ts';
import { toId } from './to-record.ts';

/** Up to which page a list was read, as JSON: another process can go on from there. */
export interface HttpCheckpoint extends Pick<RawPage, 'number' | 'listedAt' | 'shifted'> {
  /** What the page was asked for with, and the id of its last record. */
  readonly request: PageRequest;
  readonly lastId: string | undefined;
}

export interface RawPage {
  readonly raw: readonly unknown[];
  /** From 1. */
  readonly number: number;
  /** What the clock of the system showed when the first page was requested, in epoch ms. */
  readonly listedAt: number | undefined;
  /** It holds a record of the page before: the list shifted. */
  readonly shifted: boolean;
  readonly request: PageRequest;
  readonly lastId: string | undefined;
}

export interface PageSource {
  readonly entity: EntityConfig;
  /** Path of the array in a response. */
  readonly items: string;
  readonly paging: PagingConfig;
  /** No record may be missed: not so in a search. */
  readonly whole: boolean;
  /** @param first nothing of the list was read before */
  send(request: PageRequest & { readonly open: boolean }, first: boolean): Promise<HttpResponse>;
  /** Adds the system and the entity to errors. */
  located<T>(work: () => T): T;
}

interface Got {
  readonly answer: HttpResponse;
  readonly raw: readonly unknown[];
}

/**
 * Where pages go by number, nobody knows which one is the last: one without records is, one that the system refuses, or
 * the same one once more. There the page before is also read again after each page: see `missedBetween`.
 * @param from the page to begin with, which was read before: what it shows is given once more
 * @throws CheckpointLost
 */
export async function* readPages(source: PageSource, from?: HttpCheckpoint): AsyncGenerator<RawPage> {
  const { entity, paging, located } = source;
  const size = 'size' in paging ? paging.size : 0;
  const pager = createPager(paging, from?.request);
  let request: PageRequest | undefined = pager.first;
  let former: (Pick<RawPage, 'request' | 'lastId'> & { readonly ids: ReadonlySet<string> }) | undefined;
  let listedAt = from?.listedAt;
  let resumed = from;
  for (let number = from?.number ?? 1; request !== undefined; number++) {
    const current: PageRequest = request;
    const got = await (resumed ? resume(source, resumed) : getNext(source, current, number === 1, former?.request));
    const ids = new Set(got?.raw.flatMap((item) => toId(readPath(item, entity.id)) ?? []));
    const repeated = former !== undefined && located(() => isRepeated(former!.ids, ids, size));
    if (got && !repeated) {
      if (number === 1 && !resumed) listedAt = got.answer.systemTime;
      const lastId = toId(readPath(got.raw.at(-1), entity.id));
      request = located(() =>
        pager.next({
          body: got.answer.body,
          items: got.raw,
          lastId,
          link: absolute(headerOf(got.answer.headers, 'link'), got.answer),
        }),
      );
      const shifted = resumed?.shifted ?? (former !== undefined && [...ids].some((id) => former!.ids.has(id)));
      yield { raw: got.raw, number, listedAt, shifted, request: current, lastId };
    } else request = undefined;
    // Behind a page that was not full there was nothing that could have moved into it.
    if (former && source.whole && (ids.size > 0 || former.ids.size >= size)) {
      const again = (await get(source, former.request, false)).raw;
      const idOf = (item: unknown): string | undefined => toId(readPath(item, entity.id));
      const missed = located(() => missedBetween(former!.ids, ids, again, idOf));
      if (missed.length > 0)
        yield {
          raw: missed,
          number: number - 1,
          listedAt,
          shifted: false,
          request: former.request,
          lastId: former.lastId,
        };
    }
    former = isNumbered(paging) ? { request: current, ids, lastId: [...ids].at(-1) } : undefined;
    resumed = undefined;
  }
}

/** Whether pages are asked for by their number or place. */
export const isNumbered = ({ kind }: PagingConfig): boolean => kind === 'page' || kind === 'offset';

/**
 * @param former the page before, where the list may have ended with it
 * @returns undefined where it has: the system refuses the page twice, and in between still shows the one before it
 */
async function getNext(
  source: PageSource,
  wanted: PageRequest,
  first: boolean,
  former: PageRequest | undefined,
): Promise<Got | undefined> {
  for (let tries = 1; ; tries++) {
    try {
      return await get(source, wanted, first);
    } catch (error) {
      if (!former || !mayBeEnd(asTandemError(error))) throw error;
      if (tries === 2) return undefined;
      await get(source, former, false);
    }
  }
}

/** @throws CheckpointLost where the page is refused, as with a token of long ago, or does not show what was last on it */
async function resume(source: PageSource, { request, lastId }: HttpCheckpoint): Promise<Got> {
  try {
    const got = await get(source, request, false, true);
    if (lastId === undefined || got.raw.some((item) => toId(readPath(item, source.entity.id)) === lastId)) return got;
  } catch (cause) {
    if (!mayBeEnd(asTandemError(cause))) throw cause;
  }
  throw new CheckpointLost();
}

/** @param open whether the page may lie beyond the end, or be refused for another reason that is no fault of the system */
async function get(
  source: PageSource,
  request: PageRequest,
  first: boolean,
  open = isNumbered(source.paging),
): Promise<Got> {
  const { paging, items, located } = source;
  const answer = await source.send({ ...request, open }, first);
  const most = mostRecords('size' in paging ? paging.size : undefined);
  return { answer, raw: located(() => itemsOf(answer.body, items, most)) };
}

/** A relative link is relative to the URL that was asked. */
function absolute(link: string | undefined, answer: HttpResponse): string | undefined {
  const next = nextLink(link);
  return next === undefined || !URL.canParse(next, answer.url)
    ? link
    : `<${new URL(next, answer.url).href}>; rel="next"`;
}

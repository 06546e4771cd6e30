/** Links: find the counterpart of a record, make a link by hand, break one. */
import { randomUUID } from 'node:crypto';
import {
  BreakLinkQuery,
  BrokenLink,
  described,
  LinkPage,
  LinksParams,
  LinksQuery,
  MadeLink,
  MakeLinkBody,
  type Static,
} from '../../api/index.ts';
import {
  type Engine,
  linkByHand,
  type Mapping,
  mappingScope,
  type SideIndex,
  TandemError,
  unlinkByHand,
} from '../../engine/index.ts';
import type { Routes } from '../options.ts';
import { presentIssue } from '../present.ts';
import { problems } from '../problem-responses.ts';
import { bySide, namesOf, sideIndex } from '../side-names.ts';

const tags = ['links'];
const params = LinksParams;

export const links: Routes = async (app, { engine }) => {
  app.get(
    '/links/:mapping',
    {
      schema: {
        operationId: 'findLinks',
        tags,
        summary: 'The link of one record (side and id), or all links a page at a time',
        params,
        querystring: LinksQuery,
        response: { 200: LinkPage, ...problems(400, 404) },
      },
    },
    async ({ params, query }) => findLinks(engine, engine.mapping(params.mapping), query),
  );

  app.post(
    '/links/:mapping',
    {
      schema: {
        operationId: 'makeLink',
        tags,
        summary:
          'Link two records by hand. They are then brought into agreement as two that meet for the first time: an empty value never beats a value, two different ones go by the conflict rule',
        params,
        body: MakeLinkBody,
        response: {
          200: described('They were linked to each other already', MadeLink),
          201: described('Linked', MadeLink),
          ...problems(400, 404, 409, 502),
        },
      },
    },
    async ({ params, body }, reply) => {
      const made = await makeLink(engine, engine.mapping(params.mapping), body);
      return reply.code(made.created ? 201 : 200).send(made);
    },
  );

  app.delete(
    '/links/:mapping',
    {
      schema: {
        operationId: 'breakLink',
        tags,
        summary:
          'Break the link of a record. Both records stay as they are; the next scan that reads them looks for their counterparts again, and may link them again or create what is missing',
        params,
        querystring: BreakLinkQuery,
        response: {
          200: described('What was linked until now', BrokenLink),
          ...problems(400, 404, 409),
        },
      },
    },
    async ({ params, query }) => breakLink(engine, engine.mapping(params.mapping), query),
  );
};

async function findLinks(engine: Engine, mapping: Mapping, { side, id, cursor, limit }: Static<typeof LinksQuery>) {
  if (side !== undefined || id !== undefined) {
    const ids = await findPair(engine, mapping, side, id);
    return { links: ids ? [await oneLink(engine, mapping, ids)] : [] };
  }
  const names = namesOf(mapping);
  const { next, ids } = await engine.links(mapping.name).links.page(cursor, limit);
  return { links: ids.map((pair) => ({ ids: bySide(names, pair) })), ...(next === '0' ? {} : { next }) };
}

async function makeLink(engine: Engine, mapping: Mapping, { ids }: Static<typeof MakeLinkBody>) {
  const names = namesOf(mapping);
  const [a, b] = [ids[names[0]], ids[names[1]]];
  if (a === undefined || b === undefined || Object.keys(ids).length !== 2) {
    throw new TandemError(
      'BAD_REQUEST',
      `"ids" must hold one id for each side: ${JSON.stringify(bySide(names, ['...', '...']))}.`,
      { mapping: mapping.name },
    );
  }
  const scope = mappingScope(engine.context({ owner: `link-${randomUUID()}` }), mapping);
  const created = await linkByHand(scope, [a, b]);
  return { ids: bySide(names, [a, b]), created };
}

async function breakLink(engine: Engine, mapping: Mapping, { side, id }: Static<typeof BreakLinkQuery>) {
  const ids = await findPair(engine, mapping, side, id);
  if (!ids)
    throw new TandemError('NOT_FOUND', `${side} "${id}" has no link in "${mapping.name}".`, {
      mapping: mapping.name,
      side,
      id,
    });
  const scope = mappingScope(engine.context({ owner: `unlink-${randomUUID()}` }), mapping);
  if (!(await unlinkByHand(scope, ids)))
    throw new TandemError('CONFLICT', 'The link changed meanwhile: look at it again.', { mapping: mapping.name });
  return { ids: bySide(namesOf(mapping), ids) };
}

async function findPair(
  engine: Engine,
  mapping: Mapping,
  side: string | undefined,
  id: string | undefined,
): Promise<[string, string] | undefined> {
  if (side === undefined || id === undefined)
    throw new TandemError('BAD_REQUEST', 'Send "side" and "id" together.', { mapping: mapping.name });
  const index: SideIndex = sideIndex(mapping, side);
  const counterpart = await engine.links(mapping.name).reader.counterpart(index, id);
  if (counterpart === undefined) return undefined;
  return index === 0 ? [id, counterpart] : [counterpart, id];
}

async function oneLink(engine: Engine, mapping: Mapping, ids: readonly [string, string]) {
  const links = engine.links(mapping.name);
  const [{ link, open }, lost] = await Promise.all([links.reader.record(0, ids[0]), links.history.history(ids[0])]);
  const issue = open.issue && (await presentIssue(engine, mapping.name, open.issue));
  return { ids: bySide(namesOf(mapping), ids), version: String(link?.revision ?? ''), issue, lost };
}

/** The history of a record: values that lost, to be found, put back, or forgotten. */
import { randomUUID } from 'node:crypto';
import {
  Forgotten,
  HistoryPage,
  HistoryQuery,
  RecordParams,
  RestoreBody,
  Restored,
  type Static,
} from '../../api/index.ts';
import {
  type Engine,
  HISTORY_DAYS,
  HISTORY_ENTRIES,
  mappingScope,
  restoreValue,
  whyNotRestorable,
} from '../../engine/index.ts';
import type { Routes } from '../options.ts';
import { presentOutcome } from '../present.ts';
import { problems } from '../problem-responses.ts';
import { namesOf, sideIndex } from '../side-names.ts';

export const history: Routes = async (app, { engine }) => {
  const tags = ['history'];
  const params = RecordParams;

  app.get(
    '/records/:mapping/:side/:id/history',
    {
      schema: {
        operationId: 'listHistory',
        tags,
        summary: `Values of a record that lost, the newest first, from both sides. At most ${HISTORY_ENTRIES}, for ${HISTORY_DAYS} days; also after its link is gone. Shows values`,
        params,
        querystring: HistoryQuery,
        response: { 200: HistoryPage, ...problems(400, 404) },
      },
    },
    async ({ params, query }) => listHistory(engine, params, query),
  );

  app.post(
    '/records/:mapping/:side/:id/restore',
    {
      schema: {
        operationId: 'restoreValue',
        tags,
        summary:
          'Put back a value that lost: it becomes the value on both sides (of a one-way property, on the side that follows), as if a person typed it in now. What it replaces is kept in the history. Doing it twice changes nothing more',
        params,
        body: RestoreBody,
        response: { 200: Restored, ...problems(400, 404, 409, 422, 502) },
      },
    },
    async ({ params, body: { entry } }) => restore(engine, params, entry),
  );

  app.delete(
    '/records/:mapping/:side/:id/history',
    {
      schema: {
        operationId: 'forgetHistory',
        tags,
        summary: 'Forget all values of a record that lost, at once',
        params,
        response: { 200: Forgotten, ...problems(404) },
      },
    },
    async ({ params }) => {
      const mapping = engine.mapping(params.mapping);
      const side = sideIndex(mapping, params.side, 'address');
      return { forgotten: await engine.links(mapping.name).history.forgetHistory(side, params.id) };
    },
  );
};

async function listHistory(
  engine: Engine,
  params: Static<typeof RecordParams>,
  { offset, limit }: Static<typeof HistoryQuery>,
) {
  const mapping = engine.mapping(params.mapping);
  const side = sideIndex(mapping, params.side, 'address');
  const links = engine.links(mapping.name);
  const [owner, counterpart] = await Promise.all([
    links.history.historyOf(side, params.id),
    links.reader.counterpart(side, params.id),
  ]);
  const all = owner === undefined ? [] : await links.history.history(owner);
  const entries = all.slice(offset, offset + limit).map((entry) => {
    const reason = whyNotRestorable(mapping, counterpart !== undefined, entry);
    return { ...entry, restorable: reason === undefined, ...(reason === undefined ? {} : { reason }) };
  });
  return { entries, total: all.length, offset, limit };
}

async function restore(engine: Engine, params: Static<typeof RecordParams>, entry: string) {
  const mapping = engine.mapping(params.mapping);
  const side = sideIndex(mapping, params.side, 'address');
  const scope = mappingScope(engine.context({ owner: `restore-${randomUUID()}` }), mapping);
  const outcome = await restoreValue(scope, { side, id: params.id }, entry);
  return { entry, outcome: presentOutcome(namesOf(mapping), outcome) };
}

/** The history of a record: values that lost, to be found, put back, or forgotten. */
import { randomUUID } from 'node:crypto';
import type { FastifyInstance } from 'fastify';
import { whyNotRestorable } from '../../engine/merge/restore.ts';
import { HISTORY_DAYS, HISTORY_ENTRIES } from '../../engine/store/history.ts';
import { restoreValue } from '../../engine/sync/manual.ts';
import { mappingScope } from '../../engine/sync/mapping-scope.ts';
import type { RouteDeps } from '../options.ts';
import { presentOutcome } from '../present.ts';
import { count, described, flag, limit, list, object, offset, problems, ref, text } from '../schemas.ts';
import { namesOf, sideIndex } from '../sides.ts';
import { lostFields } from './links.ts';

interface RecordParams {
  readonly mapping: string;
  readonly side: string;
  readonly id: string;
}

export async function history(app: FastifyInstance, { engine }: RouteDeps): Promise<void> {
  const tags = ['history'];
  const params = object({ mapping: text, side: text, id: text });

  app.get<{ Params: RecordParams; Querystring: { offset: number; limit: number } }>(
    '/records/:mapping/:side/:id/history',
    {
      schema: {
        operationId: 'listHistory',
        tags,
        summary: `Values of a record that lost, the newest first, from both sides. At most ${HISTORY_ENTRIES}, for ${HISTORY_DAYS} days; also after its link is gone. Shows values`,
        params,
        querystring: object({ 'offset?': offset, 'limit?': limit }),
        response: {
          200: object({
            entries: list(
              object({
                ...lostFields,
                restorable: described('Whether it can be put back, as far as the mapping tells', flag),
                'reason?': described('Why not', text),
              }),
            ),
            total: count,
            offset: count,
            limit: count,
          }),
          ...problems(400, 404),
        },
      },
    },
    async ({ params, query: { offset, limit } }) => {
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
    },
  );

  app.post<{ Params: RecordParams; Body: { entry: string } }>(
    '/records/:mapping/:side/:id/restore',
    {
      schema: {
        operationId: 'restoreValue',
        tags,
        summary:
          'Put back a value that lost: it becomes the value on both sides (of a one-way property, on the side that follows), as if a person typed it in now. What it replaces is kept in the history. Doing it twice changes nothing more',
        params,
        body: object({
          entry: { type: 'string', minLength: 1, maxLength: 100, description: 'Id of the entry of the history' },
        }),
        response: { 200: object({ entry: text, outcome: ref('Outcome') }), ...problems(400, 404, 409, 422, 502) },
      },
    },
    async ({ params, body: { entry } }) => {
      const mapping = engine.mapping(params.mapping);
      const side = sideIndex(mapping, params.side, 'address');
      const scope = mappingScope(engine.context({ owner: `restore-${randomUUID()}` }), mapping);
      try {
        const outcome = await restoreValue(scope, { side, id: params.id }, entry);
        return { entry, outcome: presentOutcome(namesOf(mapping), outcome) };
      } finally {
      }
    },
  );

  app.delete<{ Params: RecordParams }>(
    '/records/:mapping/:side/:id/history',
    {
      schema: {
        operationId: 'forgetHistory',
        tags,
        summary: 'Forget all values of a record that lost, at once',
        params,
        response: { 200: object({ forgotten: count }), ...problems(404) },
      },
    },
    async ({ params }) => {
      const mapping = engine.mapping(params.mapping);
      const side = sideIndex(mapping, params.side, 'address');
      return { forgotten: await engine.links(mapping.name).history.forgetHistory(side, params.id) };
    },
  );
}

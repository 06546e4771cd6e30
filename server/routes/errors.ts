/** The list of errors, where the `type` of every problem document leads. Open to all: it is documentation. */
import type { FastifyInstance } from 'fastify';
import { ERRORS, type ErrorCode, TandemError } from '../../engine/errors.ts';
import { count, described, limit, list, object, offset, problems, ref, text } from '../schemas.ts';

const entryOf = (code: ErrorCode) => ({ type: `/errors/${code}`, code, ...ERRORS[code] });

export async function errors(app: FastifyInstance): Promise<void> {
  const tags = ['errors'];
  const config = { open: true, withoutRedis: true };

  app.get<{ Querystring: { offset: number; limit: number } }>(
    '/errors',
    {
      config,
      schema: {
        operationId: 'listErrors',
        tags,
        summary: 'Every error that Tandem tells, by its code',
        security: [],
        querystring: object({ 'offset?': offset, 'limit?': limit }),
        response: {
          200: object({ errors: list(ref('ErrorEntry')), total: count, offset: count, limit: count }),
          ...problems(),
        },
      },
    },
    async ({ query: { offset, limit } }) => {
      const codes = Object.keys(ERRORS) as ErrorCode[];
      return { errors: codes.slice(offset, offset + limit).map(entryOf), total: codes.length, offset, limit };
    },
  );

  app.get<{ Params: { code: string } }>(
    '/errors/:code',
    {
      config,
      schema: {
        operationId: 'getError',
        tags,
        summary: 'What an error means, and what can be done about it',
        security: [],
        params: object({ code: described('The code of a problem document', text) }),
        response: { 200: ref('ErrorEntry'), ...problems(404) },
      },
    },
    async ({ params: { code } }) => {
      if (!Object.hasOwn(ERRORS, code)) throw new TandemError('NOT_FOUND', `There is no error "${code}".`);
      return entryOf(code as ErrorCode);
    },
  );
}

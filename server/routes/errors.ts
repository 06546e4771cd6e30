/** The list of errors, where the `type` of every problem document leads. Open to all: it is documentation. */
import { ErrorEntry, ErrorPage, ErrorParams, ErrorsQuery, ref } from '../../api/index.ts';
import { ERRORS, type ErrorCode, TandemError } from '../../engine/index.ts';
import type { Routes } from '../options.ts';
import { problems } from '../problem-responses.ts';

const entryOf = (code: ErrorCode) => ({ type: `/errors/${code}`, code, ...ERRORS[code] });

export const errors: Routes = async (app) => {
  const tags = ['errors'];
  const config = { open: true, withoutRedis: true };

  app.get(
    '/errors',
    {
      config,
      schema: {
        operationId: 'listErrors',
        tags,
        summary: 'Every error that Tandem tells, by its code',
        security: [],
        querystring: ErrorsQuery,
        response: { 200: ErrorPage, ...problems() },
      },
    },
    async ({ query: { offset, limit } }) => {
      const codes = Object.keys(ERRORS) as ErrorCode[];
      return { errors: codes.slice(offset, offset + limit).map(entryOf), total: codes.length, offset, limit };
    },
  );

  app.get(
    '/errors/:code',
    {
      config,
      schema: {
        operationId: 'getError',
        tags,
        summary: 'What an error means, and what can be done about it',
        security: [],
        params: ErrorParams,
        response: { 200: ref(ErrorEntry), ...problems(404) },
      },
    },
    async ({ params: { code } }) => {
      if (!Object.hasOwn(ERRORS, code)) throw new TandemError('NOT_FOUND', `There is no error "${code}".`);
      return entryOf(code as ErrorCode);
    },
  );
};

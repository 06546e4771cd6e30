/** Processes: which are alive, and which leave mappings to others because they have another version than the one in force. */
import { ProcessesQuery, ProcessPage } from '../../api/index.ts';
import type { Routes } from '../options.ts';
import { iso } from '../present.ts';
import { problems } from '../problem-responses.ts';

export const processes: Routes = async (app, { engine }) => {
  app.get(
    '/processes',
    {
      schema: {
        operationId: 'getProcesses',
        tags: ['health'],
        summary: 'The processes of this Tandem, and which version of each mapping is in force',
        querystring: ProcessesQuery,
        response: { 200: ProcessPage, ...problems(400) },
      },
    },
    async ({ query: { offset, limit } }) => {
      const [living, force] = await Promise.all([engine.versions.processes(), engine.versions.inForce()]);
      return {
        processes: living.slice(offset, offset + limit),
        inForce: Object.fromEntries(
          [...force].map(([name, { version, at }]) => [name, { version, since: iso(at / 1000) }]),
        ),
        total: living.length,
        offset,
        limit,
      };
    },
  );
};

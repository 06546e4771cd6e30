/** Processes: which are alive, and which leave mappings to others because they have another version than the one in force. */
import type { FastifyInstance } from 'fastify';
import type { RouteDeps } from '../options.ts';
import { iso } from '../present.ts';
import { count, described, flag, list, object, offset, problems, text, time, wideLimit } from '../schemas.ts';

export async function processes(app: FastifyInstance, { engine }: RouteDeps): Promise<void> {
  app.get<{ Querystring: { offset: number; limit: number } }>(
    '/processes',
    {
      schema: {
        operationId: 'getProcesses',
        tags: ['health'],
        summary: 'The processes of this Tandem, and which version of each mapping is in force',
        querystring: object({ 'offset?': offset, 'limit?': wideLimit }),
        response: {
          200: object({
            processes: list(
              object({
                id: text,
                host: text,
                pid: count,
                server: flag,
                workers: flag,
                since: time,
                config: described('Version of its whole configuration', text),
                mappings: described('Version of each mapping that it has, by name', {
                  type: 'object',
                  additionalProperties: text,
                }),
                yielded: described(
                  'Mappings that it leaves to others: it has another version than the one in force',
                  list(text),
                ),
              }),
            ),
            inForce: described('By mapping', {
              type: 'object',
              additionalProperties: object({ version: text, since: time }),
            }),
            total: count,
            offset: count,
            limit: count,
          }),
          ...problems(400),
        },
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
}

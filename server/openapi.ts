/** The OpenAPI document of all routes, and its page at /docs. */
import fastifySwagger from '@fastify/swagger';
import fastifySwaggerUi from '@fastify/swagger-ui';
import type { FastifyInstance } from 'fastify';
import fp from 'fastify-plugin';

export const openapi = fp(
  async (app: FastifyInstance, { version }: { version: string }) => {
    await app.register(fastifySwagger, {
      openapi: {
        openapi: '3.1.0',
        info: {
          title: 'Tandem',
          description:
            'Keeps records in two systems in step. Errors are problem documents (RFC 9457) with a code of one list.',
          version,
        },
        components: {
          securitySchemes: {
            token: {
              type: 'http',
              scheme: 'bearer',
              description: 'The read token reads; the API token does everything.',
            },
          },
        },
        security: [{ token: [] }],
        tags: [
          { name: 'triggers', description: 'Begin work' },
          { name: 'runs', description: "How each trigger's work stands" },
          { name: 'mappings', description: 'What is kept in step, and how' },
          { name: 'reviews', description: 'What a person must decide' },
          { name: 'records', description: 'Records that wait, and why' },
          { name: 'links', description: 'Which records belong together' },
          { name: 'queues', description: 'Queue inspection; the board is at /queues/board' },
          { name: 'webhooks', description: 'Events of systems' },
          { name: 'health' },
          { name: 'metrics' },
          { name: 'events' },
        ],
      },
      refResolver: {
        buildLocalReference: (json, _base, _fragment, index) =>
          typeof json.$id === 'string' ? json.$id : `def-${index}`,
      },
    });
    await app.register(fastifySwaggerUi, {
      routePrefix: '/docs',
      uiConfig: { validatorUrl: null, docExpansion: 'list', tryItOutEnabled: true },
    });
  },
  { name: 'openapi' },
);

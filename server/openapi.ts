/** The OpenAPI document of all routes, and its page at /docs. */
import fastifySwagger from '@fastify/swagger';
import fastifySwaggerUi from '@fastify/swagger-ui';
import type { FastifyContextConfig, FastifyInstance, RouteOptions } from 'fastify';
import fp from 'fastify-plugin';
import { object } from '../api/index.ts';
import { problems } from './problem-responses.ts';

/** What any route may answer, whatever it does; declared in one place, so that no route can forget it. */
function commonProblems({ config, method }: RouteOptions): object {
  const open = (config as FastifyContextConfig | undefined)?.open === true;
  const reads = [method].flat().every((one) => one === 'GET' || one === 'HEAD');
  return problems(400, 414, 500, 503, ...(open ? [] : [401, 403, 429]), ...(reads ? [] : [413, 415]));
}

/** The nouns of the routes, in the order in which the page shows them. */
const TAGS = [
  { name: 'triggers', description: 'Begin work' },
  { name: 'runs', description: "How each trigger's work stands" },
  { name: 'mappings', description: 'What is kept in step, and how' },
  { name: 'reviews', description: 'What a person must decide' },
  { name: 'records', description: 'Records that wait, and why' },
  { name: 'history', description: 'Values that lost, to be found and put back' },
  { name: 'links', description: 'Which records belong together' },
  { name: 'queues', description: 'Queue inspection; the board is at /queues/board' },
  { name: 'webhooks', description: 'Events of systems' },
  { name: 'health' },
  { name: 'metrics' },
  { name: 'events' },
  { name: 'errors', description: 'What each error means' },
];

export const openapi = fp(
  async (app: FastifyInstance, { version }: { version: string }) => {
    app.addHook('onRoute', (route) => {
      const { schema } = route;
      if (!schema?.response) return;
      route.schema = {
        ...schema,
        // What nobody reads is most likely a slip of the pen.
        ...(schema.querystring || (route.config as FastifyContextConfig | undefined)?.open
          ? {}
          : { querystring: object({}) }),
        response: { ...commonProblems(route), ...(schema.response as object) },
      };
    });
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
              description:
                'The read token reads (GET, and what is said to change nothing); the API token does everything.',
            },
          },
        },
        security: [{ token: [] }],
        tags: TAGS,
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
    // A person who opens the server in a browser wants to see something.
    const hidden = { config: { open: true, withoutRedis: true }, schema: { hide: true } } as const;
    app.get('/', hidden, async (_, reply) => reply.redirect('/docs'));
  },
  { name: 'openapi' },
);

/** Metrics for Prometheus. */
import type { FastifyInstance } from 'fastify';
import { gauges } from '../metrics.ts';
import type { RouteDeps } from '../options.ts';
import { problems } from '../schemas.ts';

export async function metrics(app: FastifyInstance, { engine, options, metrics }: RouteDeps): Promise<void> {
  const { refresh } = gauges(metrics, engine, options.version);

  app.get(
    '/metrics',
    {
      config: { withoutRedis: true },
      logLevel: 'warn',
      schema: {
        operationId: 'metrics',
        tags: ['metrics'],
        summary: 'Metrics in the text format of Prometheus',
        response: {
          200: { description: 'Metrics', content: { 'text/plain': { schema: { type: 'string' } } } },
          ...problems(),
        },
      },
    },
    async (_, reply) => {
      await refresh();
      return reply.type(metrics.registry.contentType).send(await metrics.registry.metrics());
    },
  );
}

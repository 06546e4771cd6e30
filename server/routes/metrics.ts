/** Metrics for Prometheus. */
import { text } from '../../api/index.ts';
import { gauges } from '../gauges.ts';
import type { Routes } from '../options.ts';
import { problems } from '../problem-responses.ts';

export const metrics: Routes = async (app, { engine, options, metrics }) => {
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
          200: { description: 'Metrics', content: { 'text/plain': { schema: text } } },
          ...problems(),
        },
      },
    },
    async (_, reply) => {
      await refresh();
      return reply.type(metrics.registry.contentType).send(await metrics.registry.metrics());
    },
  );
};

// The stages of the sales pipeline, to be read only.

import type { FastifyInstance } from 'fastify';
import type { Stage } from './data.ts';
import { notFound } from './errors.ts';
import { compared, wildcard } from './filter.ts';
import { checkQuery, type Query } from './parameters.ts';
import { type Listed, listParameters, page } from './query.ts';
import type { KeapStore } from './store.ts';

const stages: Listed<Stage> = {
  plural: 'stages',
  order: { stage_order: (stage) => stage.order },
  filters: {
    opportunity_stage_name: wildcard((stage) => stage.name),
    opportunity_stage_id: compared((stage) => stage.id),
  },
};

export function addStageRoutes(app: FastifyInstance, base: string, store: KeapStore): void {
  app.get<{ Querystring: Query }>(`${base}/opportunities/stages`, async (request) => {
    checkQuery(request, 'stages', listParameters);
    const { records, next } = page(stages, store.stages.values(), request.query, store);
    return { stages: records, next_page_token: next ?? '' };
  });

  app.get<{ Params: { id: string } }>(`${base}/opportunities/stages/:id`, async (request) => {
    checkQuery(request, 'stages', []);
    const stage = store.stages.get(request.params.id);
    if (!stage) throw notFound('stages', request.params.id);
    return stage;
  });
}

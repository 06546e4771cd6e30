/** Runs: how each trigger's work stands, and what a plan would do. */
import type { FastifyInstance } from 'fastify';
import type { Engine } from '../../engine/engine.ts';
import { TandemError } from '../../engine/errors.ts';
import type { Run } from '../../engine/store/runs.ts';
import type { RouteDeps } from '../options.ts';
import { presentPlanEntry, presentRun } from '../present.ts';
import { count, described, limit, list, object, offset, problems, ref, text } from '../schemas.ts';
import { sideNames } from '../sides.ts';

interface Page {
  readonly offset: number;
  readonly limit: number;
}

/** Entries that `?plan=1` shows beside the run. */
const SHOWN = 100;

export async function runs(app: FastifyInstance, { engine }: RouteDeps): Promise<void> {
  app.get<{ Querystring: Page & { mapping?: string } }>(
    '/runs',
    {
      schema: {
        operationId: 'listRuns',
        tags: ['runs'],
        summary: 'Runs, the newest first',
        querystring: object({
          'offset?': offset,
          'limit?': limit,
          'mapping?': described('Only those of this mapping; "*": of every mapping', text),
        }),
        response: {
          200: object({ runs: list(ref('Run')), total: count, offset: count, limit: count }),
          ...problems(400),
        },
      },
    },
    async ({ query: { offset, limit, mapping } }) => {
      const { runs, total } = await engine.runs.list({ offset, limit, ...(mapping === undefined ? {} : { mapping }) });
      return { runs: await Promise.all(runs.map((run) => presentRun(engine, run))), total, offset, limit };
    },
  );

  app.get<{ Params: { id: string }; Querystring: { plan: string } }>(
    '/runs/:id',
    {
      schema: {
        operationId: 'getRun',
        tags: ['runs'],
        summary: 'One run; of a group with the runs of the single mappings',
        params: object({ id: text }),
        querystring: object({
          'plan?': {
            type: 'string',
            enum: ['0', '1', 'false', 'true'],
            default: '0',
            description: `Of a plan, also its first ${SHOWN} entries`,
          },
        }),
        response: { 200: ref('RunDetail'), ...problems(400, 404) },
      },
    },
    async ({ params, query }) => {
      const run = await find(engine, params.id);
      return {
        ...(await presentRun(engine, run, true)),
        ...(['1', 'true'].includes(query.plan) && run.plan ? { entries: await entries(engine, run, 0, SHOWN) } : {}),
      };
    },
  );

  app.get<{ Params: { id: string }; Querystring: Page }>(
    '/runs/:id/plan',
    {
      schema: {
        operationId: 'getPlan',
        tags: ['runs'],
        summary: 'What a plan would do, record by record; of a group, ask for the plan of each of its runs',
        params: object({ id: text }),
        querystring: object({ 'offset?': offset, 'limit?': limit }),
        response: {
          200: object({
            run: text,
            entries: list(ref('PlanEntry')),
            total: described('Entries so far', count),
            offset: count,
            limit: count,
          }),
          ...problems(400, 404, 409),
        },
      },
    },
    async ({ params, query: { offset, limit } }) => {
      const run = await find(engine, params.id);
      if (!run.plan)
        throw new TandemError('CONFLICT', 'This run is no plan: it did what it found. Its counts tell what.');
      return {
        run: run.id,
        entries: await entries(engine, run, offset, limit),
        total: run.progress.done,
        offset,
        limit,
      };
    },
  );
}

async function find(engine: Engine, id: string): Promise<Run> {
  const run = await engine.runs.get(id);
  if (!run) throw new TandemError('NOT_FOUND', `There is no run "${id}". Only the last runs are kept.`);
  return run;
}

async function entries(engine: Engine, run: Run, offset: number, limit: number) {
  const names = sideNames(engine, run.mapping);
  return (await engine.runs.planned(run.id, offset, limit)).map((entry) => presentPlanEntry(names, entry));
}

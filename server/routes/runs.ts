/** Runs: how each trigger's work stands, and what a plan would do. */
import {
  PLAN_SHOWN,
  PlanPage,
  PlanQuery,
  RunDetail,
  RunPage,
  RunParams,
  RunQuery,
  RunsQuery,
  ref,
  type Static,
} from '../../api/index.ts';
import { type Engine, type Run, TandemError } from '../../engine/index.ts';
import type { Routes } from '../options.ts';
import { presentPlanEntry, presentRun } from '../present.ts';
import { problems } from '../problem-responses.ts';
import { sideNames } from '../side-names.ts';

export const runs: Routes = async (app, { engine }) => {
  app.get(
    '/runs',
    {
      schema: {
        operationId: 'listRuns',
        tags: ['runs'],
        summary: 'Runs, the newest first',
        querystring: RunsQuery,
        response: { 200: RunPage, ...problems(400) },
      },
    },
    async ({ query: { offset, limit, mapping } }) => {
      const { runs, total } = await engine.runs.list({ offset, limit, ...(mapping === undefined ? {} : { mapping }) });
      return { runs: await Promise.all(runs.map((run) => presentRun(engine, run))), total, offset, limit };
    },
  );

  app.get(
    '/runs/:id',
    {
      schema: {
        operationId: 'getRun',
        tags: ['runs'],
        summary: 'One run; of a group with the runs of the single mappings',
        params: RunParams,
        querystring: RunQuery,
        response: { 200: ref(RunDetail), ...problems(400, 404) },
      },
    },
    async ({ params, query }) => getRun(engine, params.id, ['1', 'true'].includes(query.plan)),
  );

  app.get(
    '/runs/:id/plan',
    {
      schema: {
        operationId: 'getPlan',
        tags: ['runs'],
        summary: 'What a plan would do, record by record; of a group, ask for the plan of each of its runs',
        params: RunParams,
        querystring: PlanQuery,
        response: { 200: PlanPage, ...problems(400, 404, 409) },
      },
    },
    async ({ params, query }) => getPlan(engine, params.id, query),
  );
};

async function getRun(engine: Engine, id: string, withPlan: boolean) {
  const run = await find(engine, id);
  return {
    ...(await presentRun(engine, run, true)),
    ...(withPlan && run.plan ? { entries: await entries(engine, run, 0, PLAN_SHOWN) } : {}),
  };
}

async function getPlan(engine: Engine, id: string, { offset, limit }: Static<typeof PlanQuery>) {
  const run = await find(engine, id);
  if (!run.plan) throw new TandemError('CONFLICT', 'This run is no plan: it did what it found. Its counts tell what.');
  return {
    run: run.id,
    entries: await entries(engine, run, offset, limit),
    total: run.progress.done,
    offset,
    limit,
  };
}

async function find(engine: Engine, id: string): Promise<Run> {
  const run = await engine.runs.get(id);
  if (!run) throw new TandemError('NOT_FOUND', `There is no run "${id}". Only the last runs are kept.`);
  return run;
}

async function entries(engine: Engine, run: Run, offset: number, limit: number) {
  const names = await sideNames(engine, run.mapping);
  return (await engine.runs.planned(run.id, offset, limit)).map((entry) => presentPlanEntry(names, entry));
}

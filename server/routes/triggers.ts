/** Triggers: begin a run of one mapping, of one record, or of every mapping. */
import { ref, TriggerAllBody, TriggerBody, Triggered, TriggerParams } from '../../api/index.ts';
import { TandemError } from '../../engine/index.ts';
import type { Routes } from '../options.ts';
import { presentRun } from '../present.ts';
import { problems } from '../problem-responses.ts';
import { sideIndex } from '../side-names.ts';

/** It holds for the whole mapping from then on: a plan or a run of one record must not allow it by the way. */
const allowedAlone = (): TandemError =>
  new TandemError('BAD_REQUEST', 'Send "allowCreates" with a scan that writes, not with "plan" or "record".');

export const triggers: Routes = async (app, { engine }) => {
  app.post(
    '/triggers/:mapping',
    {
      schema: {
        operationId: 'trigger',
        tags: ['triggers'],
        summary: 'Begin a run of a mapping, or of one record of it',
        params: TriggerParams,
        body: TriggerBody,
        response: { 202: ref(Triggered), ...problems(400, 404) },
      },
    },
    async (request, reply) => {
      const mapping = engine.mapping(request.params.mapping);
      const { scan, record, plan = false, allowCreates = false } = request.body ?? {};
      if (scan && record)
        throw new TandemError('BAD_REQUEST', 'Send either "scan" or "record", not both.', { mapping: mapping.name });
      if (allowCreates && (plan || record)) throw allowedAlone();
      const what = record
        ? { record: { side: sideIndex(mapping, record.side), id: record.id } }
        : { scan: scan ?? 'changes' };
      if (allowCreates) await engine.links(mapping.name).progress.allowFirstSync();
      const { run, started } = await engine.trigger({ mapping: mapping.name, ...what, plan });
      return reply
        .code(202)
        .header('location', `/runs/${run.id}`)
        .send({ ...(await presentRun(engine, run)), started });
    },
  );

  app.post(
    '/triggers',
    {
      schema: {
        operationId: 'triggerAll',
        tags: ['triggers'],
        summary: 'Begin a run of every mapping',
        body: TriggerAllBody,
        response: { 202: ref(Triggered), ...problems(400) },
      },
    },
    async (request, reply) => {
      const { scan = 'changes', plan = false, allowCreates = false } = request.body ?? {};
      if (allowCreates && plan) throw allowedAlone();
      if (allowCreates)
        for (const name of engine.config.current().mappings.keys()) await engine.links(name).progress.allowFirstSync();
      const { run, started } = await engine.triggerAll({ scan, plan });
      return reply
        .code(202)
        .header('location', `/runs/${run.id}`)
        .send({ ...(await presentRun(engine, run, true)), started });
    },
  );
};

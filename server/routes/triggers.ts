/** Triggers: begin a run of one mapping, of one record, or of every mapping. */
import type { FastifyInstance } from 'fastify';
import { TandemError } from '../../engine/errors.ts';
import type { RunKind } from '../../engine/sync/scan.ts';
import type { RouteDeps } from '../options.ts';
import { presentRun } from '../present.ts';
import { described, flag, object, problems, ref, text } from '../schemas.ts';
import { sideIndex } from '../sides.ts';

interface Body {
  readonly scan?: RunKind;
  readonly record?: { readonly side: string; readonly id: string };
  readonly plan?: boolean;
  readonly allowCreates?: boolean;
}

const id = { type: 'string', minLength: 1, maxLength: 500 } as const;
const scan = {
  type: 'string',
  enum: ['changes', 'full', 'backfill'],
  description:
    'Default: changes. backfill: bring properties that were added, removed or defined otherwise to all links; systems are asked for those records only',
} as const;
const plan = described('Only tell what would be done; nothing is written to either system', flag);

const allowCreates = described(
  'The plan of the first sync was looked at: it may create as much as there is, see `brake.firstSync`',
  flag,
);

/** It holds for the whole mapping from then on: a plan or a run of one record must not allow it by the way. */
const allowedAlone = (): TandemError =>
  new TandemError('BAD_REQUEST', 'Send "allowCreates" with a scan that writes, not with "plan" or "record".');

export async function triggers(app: FastifyInstance, { engine }: RouteDeps): Promise<void> {
  app.post<{ Params: { mapping: string }; Body: Body | null | undefined }>(
    '/triggers/:mapping',
    {
      schema: {
        operationId: 'trigger',
        tags: ['triggers'],
        summary: 'Begin a run of a mapping, or of one record of it',
        params: object({ mapping: text }),
        body: object(
          { 'scan?': scan, 'record?': object({ side: text, id }), 'plan?': plan, 'allowCreates?': allowCreates },
          { type: ['object', 'null'] },
        ),
        response: { 202: ref('Triggered'), ...problems(400, 404) },
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

  app.post<{ Body: Omit<Body, 'record'> | null | undefined }>(
    '/triggers',
    {
      schema: {
        operationId: 'triggerAll',
        tags: ['triggers'],
        summary: 'Begin a run of every mapping',
        body: object({ 'scan?': scan, 'plan?': plan, 'allowCreates?': allowCreates }, { type: ['object', 'null'] }),
        response: { 202: ref('Triggered'), ...problems(400) },
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
}

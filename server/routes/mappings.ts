/** Mappings: those in force as they were loaded, drafts checked, and what one record would become. */
import type { FastifyPluginAsync, FastifyReply, RawServerDefault } from 'fastify';
import {
  DraftBody,
  DraftReport,
  MappingDetail,
  MappingPage,
  MappingParams,
  MappingsQuery,
  Preview,
  PreviewBody,
  RetireBody,
  Retirement,
  type Static,
} from '../../api/index.ts';
import {
  createThreads,
  type Engine,
  type Mapping,
  type MissingMapping,
  missingMappings,
  missingReason,
  otherSide,
  type Property,
  printJson,
  queuedOf,
  retireMapping,
  schedulesOf,
  TandemError,
  tooLarge,
} from '../../engine/index.ts';
import { brakeState } from '../brake-review.ts';
import { AFTER_RETIREMENT, duringRetirement } from '../follows.ts';
import type { App, Contract, Routes } from '../options.ts';
import { previewHost } from '../preview-host.ts';
import { problems } from '../problem-responses.ts';
import { bySide, namesOf, type SideNames, sideIndex } from '../side-names.ts';

type Threads = ReturnType<typeof createThreads>;

const tags = ['mappings'];

export const mappings: Routes = async (app, { engine, options }) => {
  const threads = createThreads({ config: engine.config, ...options.drafts });
  app.addHook('onClose', () => threads.close());
  listRoute(app, engine);
  retireRoute(app, engine);
  detailRoute(app, engine);
  app.register(drafts, { threads });
  previewRoute(app, engine, threads);
};

function listRoute(app: App, engine: Engine): void {
  app.get(
    '/mappings',
    {
      schema: {
        operationId: 'listMappings',
        tags,
        summary: 'The mappings in force, and the faults of all files',
        querystring: MappingsQuery,
        response: { 200: MappingPage, ...problems() },
      },
    },
    async ({ query }) => listMappings(engine, query),
  );
}

function retireRoute(app: App, engine: Engine): void {
  app.post(
    '/mappings/:name/retire',
    {
      schema: {
        operationId: 'retireMapping',
        tags,
        summary: 'Delete what is kept of a mapping whose file is missing',
        description:
          'Deletes its links, queue, schedules, issues and history, and calls no system. Take a copy of the links first. One request deletes for 5 seconds at most: send it again until `done` is true, also after a crash.',
        params: MappingParams,
        body: RetireBody,
        response: { 200: Retirement, ...problems(400, 404, 409) },
      },
    },
    async ({ params: { name }, body }) => {
      const done = await retireMapping(engine, name, body.links);
      return { mapping: name, done, ...(done ? AFTER_RETIREMENT : duringRetirement(name)) };
    },
  );
}

function detailRoute(app: App, engine: Engine): void {
  app.get(
    '/mappings/:name',
    {
      schema: {
        operationId: 'getMapping',
        tags,
        summary: 'One mapping as it was loaded',
        params: MappingParams,
        response: { 200: MappingDetail, ...problems(404) },
      },
    },
    async ({ params }) => detail(engine, engine.mapping(params.name)),
  );
}

function previewRoute(app: App, engine: Engine, threads: Threads): void {
  app.post(
    '/mappings/:name/preview',
    {
      config: { reads: true },
      schema: {
        operationId: 'previewRecord',
        tags,
        summary: 'What one record would become on the other side; nothing is written, so that the read token is enough',
        params: MappingParams,
        body: PreviewBody,
        response: { 200: Preview, ...problems(400, 404, 422, 429, 502) },
      },
    },
    async ({ params, body }, reply) =>
      preview(engine, threads, engine.mapping(params.name), body, untilAnswered(reply)),
  );
}

/** Takes YAML as well, which no other route does: a plugin of its own. */
const drafts: FastifyPluginAsync<{ threads: Threads }, RawServerDefault, Contract> = async (app, { threads }) => {
  app.addContentTypeParser(
    ['text/yaml', 'application/yaml', 'application/x-yaml', 'text/x-yaml', 'text/plain'],
    { parseAs: 'string' },
    (_, body, done) => done(null, { yaml: String(body) }),
  );
  app.post(
    '/mappings/validate',
    {
      config: { reads: true },
      schema: {
        operationId: 'validateMapping',
        tags,
        summary:
          'Check a draft of a mapping file against the files that run; nothing is changed, so that the read token is enough. Takes JSON, or the YAML itself (text/yaml)',
        body: DraftBody,
        response: { 200: DraftReport, ...problems(400, 422, 429) },
      },
    },
    async ({ body: { yaml, file } }, reply) =>
      threads.run({ kind: 'draft', yaml, ...(file === undefined ? {} : { file }) }, { signal: untilAnswered(reply) }),
  );
};

async function listMappings(engine: Engine, { offset, limit }: Static<typeof MappingsQuery>) {
  const { version, mappings } = engine.config.current();
  const missing = await missingMappings(engine);
  const page = [...mappings.values()].slice(offset, offset + limit);
  return {
    version,
    mappings: await Promise.all(page.map((mapping) => summary(engine, mapping))),
    total: mappings.size,
    offset,
    limit,
    problems: engine.config.problems(),
    missing: await Promise.all(missing.map((one) => presentMissing(engine, one))),
  };
}

async function preview(
  engine: Engine,
  threads: Threads,
  mapping: Mapping,
  body: Static<typeof PreviewBody>,
  signal: AbortSignal,
) {
  const side = sideIndex(mapping, body.side);
  if ((body.id === undefined) === (body.record === undefined))
    throw new TandemError('BAD_REQUEST', 'Send either "id" or "record".', { mapping: mapping.name });
  const reason = tooLarge(body.record);
  if (reason !== undefined) throw new TandemError('BAD_REQUEST', `${reason}.`, { mapping: mapping.name });
  const given = body.record === undefined ? { id: body.id ?? '' } : { record: printJson(body.record) };
  const { inScope, counterpart, keys, properties, record, faults } = await threads.run(
    { kind: 'preview', mapping: mapping.name, side, ...given },
    { host: previewHost(engine, mapping), signal },
  );
  const names = namesOf(mapping);
  return {
    mapping: mapping.name,
    from: names[side],
    to: names[otherSide(side)],
    inScope,
    counterpart,
    matchKeys: mapping.match.map(({ name }, i) => ({ rule: name, key: keys[i] ?? undefined })),
    properties,
    record,
    faults,
  };
}

/** Aborts once the response is sent, or nobody waits for it. `request.signal` aborts once the body has been read. */
function untilAnswered({ raw }: FastifyReply): AbortSignal {
  const controller = new AbortController();
  raw.once('close', () => controller.abort());
  return controller.signal;
}

async function presentMissing(engine: Engine, missing: MissingMapping) {
  const { name, links, records, retiring } = missing;
  const [queued, schedules] = await Promise.all([queuedOf(engine, name), schedulesOf(engine, name)]);
  const reason = missingReason(missing);
  return { name, reason, links, records, queued, schedules: schedules.map(({ scan }) => scan), retiring };
}

async function summary(engine: Engine, mapping: Mapping) {
  const { name, description, file, version, sides } = mapping;
  const links = engine.links(name);
  const [ready, linked, issues, brake] = await Promise.all([
    links.progress.ready(),
    links.links.count(),
    links.issues.counts(),
    brakeState(engine, mapping),
  ]);
  return {
    name,
    description,
    file,
    version,
    sides: sides.map((side) => ({ name: side.name, system: side.system.name, entity: side.entity.name })),
    ready,
    links: linked,
    issues,
    ...(brake ? { brake } : {}),
    problems: engine.config.problems().filter((problem) => problem.file === file),
  };
}

async function detail(engine: Engine, mapping: Mapping) {
  const names = namesOf(mapping);
  const ruleName = (rule: Mapping['conflict']): string => (typeof rule === 'number' ? names[rule] : rule);
  return {
    ...(await summary(engine, mapping)),
    sides: mapping.sides.map((side) => ({
      name: side.name,
      system: side.system.name,
      entity: side.entity.name,
      when: side.when?.source,
      create: side.create,
      deletes: side.deletes,
      correlate: side.correlate?.source,
    })),
    match: mapping.match.map(({ name, keys, onMatch }) => ({
      name,
      keys: bySide(names, [keys[0].source, keys[1].source]),
      onMatch,
    })),
    conflict: ruleName(mapping.conflict),
    schedule: mapping.schedule,
    limits: mapping.brake,
    parents: mapping.parents,
    depth: mapping.depth,
    properties: mapping.properties.map((property) => propertyOf(names, property, ruleName)),
  };
}

function propertyOf(names: SideNames, property: Property, ruleName: (rule: Mapping['conflict']) => string) {
  const given = <T>(
    pair: readonly [T | undefined, T | undefined],
    show: (one: T) => string,
  ): Record<string, string> | undefined => {
    const entries = names.flatMap((name, side) =>
      pair[side] === undefined ? [] : [[name, show(pair[side])] as const],
    );
    return entries.length > 0 ? Object.fromEntries(entries) : undefined;
  };
  const { sides, convert, reference, direction } = property;
  return {
    name: property.name,
    sources: bySide(names, [sides[0].source, sides[1].source]),
    type: property.type,
    scale: property.scale,
    required: property.required,
    direction: typeof direction === 'number' ? names[direction] : direction,
    conflict: ruleName(property.conflict),
    drift: property.drift,
    convert: given(convert, (expression) => expression.source),
    values: property.values?.name,
    reference: reference
      ? { mapping: reference.mapping, fallback: given(reference.fallback, (expression) => expression.source) }
      : undefined,
    lookup: given([sides[0].lookup, sides[1].lookup], ({ entity, field }) => `${entity}.${field}`),
    lossy: property.lossy,
    line: property.line,
  };
}

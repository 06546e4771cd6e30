/** Records that wait: which, why, and another try for them; and why any one record is as it is. */
import type { FastifyInstance } from 'fastify';
import type { Mapping } from '../../engine/config/types.ts';
import type { Engine } from '../../engine/engine.ts';
import { faultOf } from '../../engine/errors.ts';
import type { Converted } from '../../engine/merge/merge.ts';
import { mapPair } from '../../engine/model/pair.ts';
import { parseRecordKey } from '../../engine/model/record-key.ts';
import type { Run } from '../../engine/store/runs.ts';
import { ISSUE_KINDS } from '../../engine/store/types.ts';
import { type ExplainedProperty, explainRecord } from '../../engine/sync/explain.ts';
import { mappingScope } from '../../engine/sync/mapping-scope.ts';
import type { SideIndex } from '../../engine/types.ts';
import { findIssues, type IssueFilter, issueReasons, pageOfIssues } from '../issues.ts';
import type { RouteDeps } from '../options.ts';
import { iso, presentFound, presentIssue } from '../present.ts';
import {
  anything,
  count,
  described,
  flag,
  limit,
  list,
  object,
  offset,
  perSide,
  problems,
  ref,
  text,
  time,
  wideLimit,
} from '../schemas.ts';
import { bySide, namesOf, type SideNames, sideIndex } from '../sides.ts';
import { lostSchema } from './links.ts';

const kind = { type: 'string', enum: ISSUE_KINDS } as const;
const record = object({ side: text, id: text });
const sideSchema = object({
  'id?': text,
  'exists?': flag,
  'inScope?': described('Whether `when` lets it take part', flag),
  'modified?': time,
});
const explainedSide = object({
  source: text,
  'value?': described('What is there now', anything),
  'changed?': described('Whether it differs from the last agreement; absent where there was none', flag),
  'wouldBecome?': described(
    'What would be here if it were written from the other side',
    object({ 'value?': anything, 'fault?': ref('Fault') }),
  ),
});
const explanationSchema = object({
  mapping: text,
  side: text,
  id: text,
  linked: flag,
  ready: described('Both sides were read fully once; before that nothing is matched or created', flag),
  sides: perSide(sideSchema),
  'held?': ref('Held'),
  'intent?': described('A create that was begun and is not known to have ended', object({ at: time, review: flag })),
  'match?': described(
    'How it would find its counterpart',
    object({ found: { type: 'string', enum: ['none', 'one', 'review'] }, 'rule?': text, candidates: list(record) }),
  ),
  properties: list(
    object({
      property: text,
      type: text,
      direction: text,
      conflict: text,
      base: described('Whether a last agreement is known', flag),
      sides: perSide(explainedSide),
      'decision?': described(
        'What a reconcile would decide now',
        object({
          rule: text,
          'writes?': described('The side written to', text),
          'loser?': described('The side whose own change is overwritten', text),
          'fault?': ref('Fault'),
        }),
      ),
    }),
  ),
  lost: described('Values that lost a conflict, the newest first', list(lostSchema)),
});

/** A page is put together in memory: it may not begin anywhere. */
const shallowOffset = { ...offset, maximum: 100_000 } as const;
const id = { type: 'string', minLength: 1, maxLength: 500 } as const;
const before = {
  type: 'string',
  format: 'date-time',
  // In UTC, and without leap seconds, which no Date can hold.
  pattern: '^\\d{4}-\\d{2}-\\d{2}T\\d{2}:\\d{2}:[0-5]\\d(\\.\\d{1,9})?Z$',
  description: 'ISO 8601: only those that wait since before then',
} as const;

export async function records(app: FastifyInstance, { engine }: RouteDeps): Promise<void> {
  const tags = ['records'];

  app.get<{ Querystring: IssueFilter & { offset: number; limit: number } }>(
    '/records',
    {
      schema: {
        operationId: 'listHeldRecords',
        tags,
        summary:
          'Records that wait, and why, the latest first. Without "kind": those that failed, wait for links, or ask for a person',
        querystring: object({
          'mapping?': text,
          'kind?': kind,
          'side?': text,
          'id?': id,
          'code?': text,
          'before?': before,
          'offset?': shallowOffset,
          'limit?': limit,
        }),
        response: {
          200: object({ records: list(ref('RecordIssue')), total: count, offset: count, limit: count }),
          ...problems(400, 404),
        },
      },
    },
    async ({ query: { offset, limit, ...filter } }) => {
      const { page, total } = await pageOfIssues(engine, filter, 'latest', offset, limit);
      return { records: await presentFound(engine, page), total, offset, limit };
    },
  );

  app.get<{ Querystring: IssueFilter & { offset: number; limit: number } }>(
    '/records/reasons',
    {
      schema: {
        operationId: 'listHeldReasons',
        tags,
        summary:
          'Why records wait, over all mappings: how many by mapping, kind, code and property, the most frequent first',
        querystring: object({
          'mapping?': text,
          'kind?': kind,
          'side?': text,
          'code?': text,
          'before?': before,
          'offset?': offset,
          'limit?': wideLimit,
        }),
        response: {
          200: object({
            reasons: list(
              object({
                mapping: text,
                kind,
                'code?': text,
                'property?': text,
                reason: described('In words, of one of them', text),
                count,
                since: described('Since when the first of them waits', time),
              }),
            ),
            total: count,
            offset: count,
            limit: count,
          }),
          ...problems(400, 404),
        },
      },
    },
    async ({ query: { offset, limit, ...filter } }) => {
      const reasons = await issueReasons(engine, filter);
      const page = reasons.slice(offset, offset + limit).map((one) => ({ ...one, since: iso(one.since) }));
      return { reasons: page, total: reasons.length, offset, limit };
    },
  );

  app.post<{ Body: IssueFilter }>(
    '/records/retry',
    {
      schema: {
        operationId: 'retryRecords',
        tags,
        summary:
          'Look again at records that wait: one, those held for one reason, or all; of one mapping or of every one. Without "kind": at those that failed, wait for links, or ask for a person. Each mapping that has some gets a run, which tells what became of them',
        body: object({ 'mapping?': text, 'kind?': kind, 'side?': text, 'id?': id, 'code?': text }),
        response: { 202: object({ queued: count, runs: list(text) }), ...problems(400, 404) },
      },
    },
    async ({ body }, reply) => reply.code(202).send(await retry(engine, body)),
  );

  app.get<{ Params: { mapping: string; side: string; id: string } }>(
    '/records/:mapping/:side/:id/explain',
    {
      schema: {
        operationId: 'explainRecord',
        tags,
        summary:
          'Why a record is as it is: both values, what changed, what a reconcile would decide, what it waits for. Shows values; reads both systems',
        params: object({ mapping: text, side: text, id: text }),
        response: { 200: explanationSchema, ...problems(404, 422, 502) },
      },
    },
    async ({ params }) => {
      const mapping = engine.mapping(params.mapping);
      const side = sideIndex(mapping, params.side, 'address');
      return explain(engine, mapping, side, params.id);
    },
  );
}

/** What is held stays until the reconcile says otherwise: it knows the failed job, and a crash here loses nothing. */
async function retry(engine: Engine, filter: IssueFilter): Promise<{ queued: number; runs: string[] }> {
  const runs = new Map<string, Run>();
  let queued = 0;
  const runOf = async (mapping: string): Promise<Run> => {
    const known = runs.get(mapping);
    if (known) return known;
    const { run } = await engine.runs.begin({ mapping, scan: 'record', plan: false, trigger: 'api' });
    runs.set(mapping, run);
    await engine.runs.scanning(run);
    return run;
  };
  try {
    for await (const { mapping, records } of findIssues(engine, filter)) {
      const run = await runOf(mapping.name);
      const context = engine.context({ owner: run.id, run });
      for (const side of [0, 1] as const) {
        const ids = records.filter((held) => held.side === side).map((held) => held.id);
        await context.enqueue(mapping.name, side, ids);
      }
      queued += records.length;
    }
  } finally {
    for (const run of runs.values()) {
      await engine.runs.scanned(run);
    }
  }
  return { queued, runs: [...runs.values()].map((run) => run.id) };
}

async function explain(engine: Engine, mapping: Mapping, side: SideIndex, id: string) {
  const names = namesOf(mapping);
  const { sides, linked, ready, properties, match, held, intent, lost } = await explainRecord(
    mappingScope(engine.context({ owner: 'explain' }), mapping),
    side,
    id,
  );
  const candidates =
    !match || match.kind === 'none'
      ? []
      : match.kind === 'one'
        ? [{ side: match.view.side, id: match.view.record.id }]
        : match.candidates.map(parseRecordKey);
  return {
    mapping: mapping.name,
    side: names[side],
    id,
    linked,
    ready,
    sides: bySide(
      names,
      mapPair(sides, ({ inScope, ...described }) => ({ ...described, inScope: inScope })),
    ),
    held: held && presentIssue(engine, mapping.name, held),
    intent: intent && { at: iso(intent.at), review: intent.review ?? false },
    match: match && {
      found: match.kind,
      ...(match.kind === 'none' ? {} : { rule: match.rule }),
      candidates: candidates.map((one) => ({ side: names[one.side], id: one.id })),
    },
    properties: properties.map((property) => explainedProperty(names, property)),
    lost,
  };
}

function explainedProperty(names: SideNames, { property, values, base, changed, toward, decision }: ExplainedProperty) {
  const rule = (value: 'both' | 'latest' | 'review' | SideIndex): string =>
    typeof value === 'number' ? names[value] : value;
  const become = (converted: Converted | undefined) =>
    converted && (converted.ok ? { value: converted.value } : { fault: faultOf(converted.error) });
  const side = (index: SideIndex) => ({
    source: property.sides[index].source,
    value: values[index],
    changed: changed[index],
    wouldBecome: become(toward[index]),
  });
  return {
    property: property.name,
    type: property.type,
    direction: rule(property.direction),
    conflict: rule(property.conflict),
    base,
    sides: bySide(names, [side(0), side(1)]),
    decision: decision && {
      rule: decision.rule,
      ...(decision.writes === undefined ? {} : { writes: names[decision.writes] }),
      ...(decision.loser === undefined ? {} : { loser: names[decision.loser] }),
      ...(decision.error ? { fault: faultOf(decision.error) } : {}),
    },
  };
}

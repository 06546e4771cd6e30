/** Records that wait: which, why, and another try for them; and why any one record is as it is. */
import {
  Explanation,
  IssuePage,
  IssueReasonPage,
  IssueReasonsQuery,
  IssuesQuery,
  RecordParams,
  Retried,
  RetryBody,
} from '../../api/index.ts';
import {
  type ConflictRule,
  type Converted,
  type Engine,
  type ExplainedProperty,
  explainRecord,
  faultOf,
  type Mapping,
  mappingScope,
  parseRecordKey,
  type Run,
  type SideIndex,
} from '../../engine/index.ts';
import { findIssues, type IssueFilter, issueReasons, pageOfIssues } from '../issue-pages.ts';
import type { App, Routes } from '../options.ts';
import { iso, presentFound, presentIssue } from '../present.ts';
import { problems } from '../problem-responses.ts';
import { bySide, namesOf, type SideNames, sideIndex } from '../side-names.ts';

const tags = ['records'];

export const records: Routes = async (app, { engine }) => {
  issueRoutes(app, engine);
  explainRoute(app, engine);
};

/** Records that wait. */
function issueRoutes(app: App, engine: Engine): void {
  app.get(
    '/records',
    {
      schema: {
        operationId: 'listIssues',
        tags,
        summary:
          'Records that wait, and why, the latest first. Without "kind": those that failed, wait for links, or ask for a person',
        querystring: IssuesQuery,
        response: { 200: IssuePage, ...problems(400, 404) },
      },
    },
    async ({ query: { offset, limit, ...filter } }) => {
      const { page, total } = await pageOfIssues(engine, filter, 'latest', offset, limit);
      return { records: await presentFound(engine, page), total, offset, limit };
    },
  );

  app.get(
    '/records/reasons',
    {
      schema: {
        operationId: 'listIssueReasons',
        tags,
        summary:
          'Why records wait, over all mappings: how many by mapping, kind, code and property, the most frequent first',
        querystring: IssueReasonsQuery,
        response: { 200: IssueReasonPage, ...problems(400, 404) },
      },
    },
    async ({ query: { offset, limit, ...filter } }) => {
      const reasons = await issueReasons(engine, filter);
      const page = reasons.slice(offset, offset + limit).map((one) => ({ ...one, since: iso(one.since) }));
      return { reasons: page, total: reasons.length, offset, limit };
    },
  );

  app.post(
    '/records/retry',
    {
      schema: {
        operationId: 'retryRecords',
        tags,
        summary:
          'Look again at records that wait: one, those with one reason, or all; of one mapping or of every one. Without "kind": at those that failed, wait for links, or ask for a person. Each mapping that has some gets a run, which tells what became of them',
        body: RetryBody,
        response: { 202: Retried, ...problems(400, 404) },
      },
    },
    async ({ body }, reply) => reply.code(202).send(await retry(engine, body)),
  );
}

function explainRoute(app: App, engine: Engine): void {
  app.get(
    '/records/:mapping/:side/:id/explain',
    {
      schema: {
        operationId: 'explainRecord',
        tags,
        summary:
          'Why a record is as it is: both values, what changed, what a reconcile would decide, what it waits for. Shows values; reads both systems',
        params: RecordParams,
        response: { 200: Explanation, ...problems(404, 422, 502) },
      },
    },
    async ({ params }) => {
      const mapping = engine.mapping(params.mapping);
      const side = sideIndex(mapping, params.side, 'address');
      return explain(engine, mapping, side, params.id);
    },
  );
}

/** An issue stays until the reconcile says otherwise: it knows the failed job, and a crash here loses nothing. */
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
        const ids = records.filter((one) => one.side === side).map((one) => one.id);
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
  const { sides, linked, ready, properties, match, issue, pendingCreate, lost } = await explainRecord(
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
    sides: bySide(names, sides),
    issue: issue && (await presentIssue(engine, mapping.name, issue)),
    pendingCreate: pendingCreate && { at: iso(pendingCreate.at), review: pendingCreate.review ?? false },
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
  const rule = (value: 'both' | ConflictRule): string => (typeof value === 'number' ? names[value] : value);
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

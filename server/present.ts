/** Runs, outcomes, jobs and issues as they are shown: sides by name, times as ISO 8601, references to other things by id. */
import type * as api from '../api/index.ts';
import {
  brakeReason,
  countsBy,
  type Engine,
  type Issue,
  isRecordJob,
  type LiveEvent,
  type MarkedRecord,
  type Outcome,
  type PlanEntry,
  parseRecordKey,
  type QueueReport,
  type Run,
  type SeenJob,
  type UnidentifiedItems,
} from '../engine/index.ts';
import type { FlatIssue, Found } from './issue-pages.ts';
import { reviewActions, reviewId } from './review-id.ts';
import { type BySide, bySide, type SideNames, sideNames } from './side-names.ts';

/** A group's runs are of several mappings, so its numbers are added up by the names of their sides. */
export async function presentRun(engine: Engine, run: Run, withChildren = false): Promise<api.Run> {
  if (!run.children) {
    const { unidentified, ...rest } = withTimes(run);
    const names = await sideNames(engine, run.mapping);
    return {
      ...rest,
      ...numbers(names, run),
      ...(unidentified ? { unidentified: itemsBySide(names, unidentified) } : {}),
    };
  }
  const found = await Promise.all(run.children.map((id) => engine.runs.get(id)));
  const children = await Promise.all(found.flatMap((child) => (child ? [presentRun(engine, child)] : [])));
  const sum = (of: (child: api.Run) => BySide<number>): BySide<number> => {
    const total: BySide<number> = {};
    for (const child of children)
      for (const [side, count] of Object.entries(of(child))) total[side] = (total[side] ?? 0) + count;
    return total;
  };
  const { unidentified: _, ...rest } = withTimes(run);
  return {
    ...rest,
    progress: { ...run.progress, read: sum((child) => child.progress.read) },
    counts: countsBy(
      (counter) => run.counts[counter],
      (counter) => sum((child) => child.counts[counter]),
    ),
    ...(withChildren ? { runs: children } : {}),
  };
}

const withTimes = ({ created, started, finished, ...rest }: Run) => ({
  ...rest,
  createdAt: created,
  ...(started === undefined ? {} : { startedAt: started }),
  ...(finished === undefined ? {} : { finishedAt: finished }),
});

const itemsBySide = (names: SideNames, items: NonNullable<Run['unidentified']>): BySide<UnidentifiedItems> =>
  Object.fromEntries(names.flatMap((name, side) => (items[side] ? [[name, items[side]]] : [])));

const numbers = (names: SideNames, { progress, counts }: Run): Pick<api.Run, 'progress' | 'counts'> => ({
  progress: { ...progress, read: bySide(names, progress.read) },
  counts: countsBy(
    (counter) => counts[counter],
    (counter) => bySide(names, counts[counter]),
  ),
});

export function presentOutcome(names: SideNames, outcome: Outcome): api.Outcome {
  const { writes, side, ids, changes: _, ...rest } = outcome;
  return {
    ...rest,
    writes: bySide(names, writes),
    ...(side === undefined ? {} : { side: names[side] }),
    ...(ids ? { ids: bySide(names, ids) } : {}),
  };
}

export async function presentOutcomeEvent(
  engine: Engine,
  { at, mapping, side, id, outcome, ms }: Live<'outcome'>,
): Promise<api.OutcomeEvent> {
  const names = await sideNames(engine, mapping);
  return { at, mapping, record: { side: names[side], id }, ms, outcome: presentOutcome(names, outcome) };
}

export function presentBrakeEvent(engine: Engine, { at, mapping, on, brake }: Live<'brake'>): api.BrakeEvent {
  const { kind, by, count, limit, linked, answer } = brake;
  const known = engine.config.current().mappings.get(mapping);
  return {
    at,
    mapping,
    on,
    brake: { kind, by, count, limit, linked, ...(answer ? { answer } : {}) },
    ...(on && known ? { reason: brakeReason(known, brake) } : {}),
  };
}

type Live<T> = Extract<LiveEvent, { type: T }>;

export const presentPlanEntry = (names: SideNames, { record, ...outcome }: PlanEntry): api.PlanEntry => ({
  record: { side: names[record.side], id: record.id },
  ...presentOutcome(names, outcome),
});

export function presentQueue({ reasons, ...report }: QueueReport): api.Queue {
  return {
    ...report,
    ...(reasons ? { reasons: reasons.map((one) => ({ ...one, since: iso(one.since) })) } : {}),
  };
}

export async function presentJob(
  engine: Engine,
  { data, created, started, finished, until, ...rest }: SeenJob,
): Promise<api.Job> {
  return {
    ...rest,
    data: presentData(await sideNames(engine, data.mapping), data),
    createdAt: iso(created),
    ...(started === undefined ? {} : { startedAt: iso(started) }),
    ...(finished === undefined ? {} : { finishedAt: iso(finished) }),
    ...(until === undefined ? {} : { until: iso(until) }),
  };
}

export const presentMarked = async (
  engine: Engine,
  { mapping, side, id, due }: MarkedRecord,
): Promise<api.MarkedRecord> => ({
  mapping,
  side: (await sideNames(engine, mapping))[side],
  id,
  due: iso(due),
});

function presentData(names: SideNames, data: SeenJob['data']): api.Job['data'] {
  if (!('scan' in data))
    return isRecordJob(data)
      ? { mapping: data.mapping, side: names[data.side], id: data.id }
      : { mapping: data.mapping };
  const { mapping, scan, run, plan, record } = data;
  return {
    mapping,
    scan,
    ...(run ? { run } : {}),
    ...(plan ? { plan } : {}),
    ...(record ? { record: { side: names[record.side], id: record.id } } : {}),
  };
}

export async function presentIssue(engine: Engine, mapping: string, issue: Issue): Promise<api.Issue> {
  const names = await sideNames(engine, mapping);
  const waitsFor =
    issue.refs &&
    (await Promise.all(
      issue.refs.map(async ({ mapping, side, id }) => ({
        mapping,
        side: (await sideNames(engine, mapping))[side],
        id,
      })),
    ));
  return {
    kind: issue.kind,
    ...(issue.code ? { code: issue.code } : {}),
    reason: issue.reason,
    ...(issue.property ? { property: issue.property } : {}),
    since: iso(issue.since),
    ...(issue.candidates
      ? {
          candidates: issue.candidates.map((key) => {
            const { side, id } = parseRecordKey(key);
            return { side: names[side], id };
          }),
        }
      : {}),
    ...(waitsFor ? { waitsFor } : {}),
    ...(issue.job ? { job: issue.job } : {}),
  };
}

/** @param counterpart id of the record that it is linked to, if any */
export async function presentRecord(
  engine: Engine,
  mapping: string,
  issue: FlatIssue,
  counterpart: string | undefined,
): Promise<api.RecordIssue> {
  const names = await sideNames(engine, mapping);
  return {
    mapping,
    side: names[issue.side],
    id: issue.id,
    ...(counterpart === undefined
      ? {}
      : { ids: bySide(names, issue.side === 0 ? [issue.id, counterpart] : [counterpart, issue.id]) }),
    ...(await presentIssue(engine, mapping, issue)),
    ...(['review', 'orphaned', 'unmatched'].includes(issue.kind)
      ? {
          review: reviewId({ mapping, side: names[issue.side], id: issue.id }),
          actions: reviewActions(issue, counterpart !== undefined),
        }
      : {}),
  };
}

/** Records with an issue, with the ids that they are linked to. */
export const presentFound = (engine: Engine, found: readonly Found[]) =>
  Promise.all(
    found.map(async ({ mapping, issue }) =>
      presentRecord(
        engine,
        mapping.name,
        issue,
        await engine.links(mapping.name).reader.counterpart(issue.side, issue.id),
      ),
    ),
  );

export const iso = (ms: number): string => new Date(ms).toISOString();

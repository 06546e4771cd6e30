/** Reads runs: what is stored of one, and what follows for a group from its children. */
import { countsBy } from '../../model/outcome.ts';
import type { DefinitionChanges } from '../../sync/backfill.ts';
import type { UnidentifiedItems } from '../../sync/scan.ts';
import { GROUP, type RunContext } from './run-context.ts';
import { PLACES } from './run-counts.ts';
import type { Run, RunState } from './types.ts';

export const readingRuns = (context: RunContext) => ({
  get: (id: string): Promise<Run | undefined> => readRun(context, id),

  /** Newest first. */
  async list(
    options: { offset?: number; limit?: number; mapping?: string } = {},
  ): Promise<{ runs: Run[]; total: number }> {
    const { offset = 0, limit = 50, mapping } = options;
    const ids = await context.redis.zrevrange(context.index, 0, -1);
    const runs = (
      await Promise.all(
        (mapping === undefined ? ids.slice(offset, offset + limit) : ids).map((id) => readRun(context, id)),
      )
    ).filter((run) => run !== undefined);
    if (mapping === undefined) return { runs, total: ids.length };
    const own = runs.filter((run) => run.mapping === mapping);
    return { runs: own.slice(offset, offset + limit), total: own.length };
  },
});

export async function readRun(context: RunContext, id: string): Promise<Run | undefined> {
  const { redis, runKey } = context;
  const [fields, ...standing] = await Promise.all([
    redis.hgetall(runKey(id)),
    ...PLACES.map((place) => redis.scard(`${runKey(id)}:${place}`)),
  ]);
  if (fields.id === undefined) return undefined;
  const run = parseRun(fields);
  for (const [i, place] of PLACES.entries()) run.counts[place] += standing[i] ?? 0;
  if (run.mapping !== GROUP) return run;
  if (!run.children) return run;
  const children = (await Promise.all(run.children.map((child) => readRun(context, child)))).filter(
    (child) => child !== undefined,
  );
  return groupOf(run, children);
}

function parseRun(fields: Record<string, string>): Run {
  const number = (name: string): number => Number(fields[name] ?? 0);
  const pair = (name: string): [number, number] => [number(`${name}:0`), number(`${name}:1`)];
  const items = (side: 0 | 1): UnidentifiedItems | undefined =>
    fields[`unidentified:${side}`] ? (JSON.parse(fields[`unidentified:${side}`]!) as UnidentifiedItems) : undefined;
  const sides = [items(0), items(1)] as const;
  const retried = number('retried');
  const work = number('work') - retried;
  return {
    id: fields.id!,
    mapping: fields.mapping!,
    scan: fields.scan as Run['scan'],
    plan: fields.plan === '1',
    trigger: fields.trigger as Run['trigger'],
    state: fields.state as RunState,
    created: fields.created!,
    ...(fields.started ? { started: fields.started } : {}),
    ...(fields.finished ? { finished: fields.finished } : {}),
    // What is tried again is marked first, and so most of it is done first.
    progress: { read: pair('read'), work, done: Math.max(0, number('done') - retried), retried },
    // Records in retry are counted by record, in a set of their own.
    counts: countsBy((counter) => (counter === 'retrying' ? 0 : number(counter)), pair),
    ...(fields.reason ? { reason: fields.reason } : {}),
    ...(fields.children ? { children: fields.children.split(',') } : {}),
    ...(fields.changes ? { changes: JSON.parse(fields.changes) as DefinitionChanges } : {}),
    ...(sides.some((items) => items !== undefined) ? { unidentified: sides } : {}),
  };
}

/** A group stands where its slowest child stands; its counts are their sums. */
function groupOf(run: Run, children: readonly Run[]): Run {
  const sum = (of: (child: Run) => number): number => children.reduce((total, child) => total + of(child), 0);
  const pair = (of: (child: Run) => [number, number]): [number, number] => [
    sum((child) => of(child)[0]),
    sum((child) => of(child)[1]),
  ];
  const over = children.every((child) => child.state === 'done' || child.state === 'failed');
  const state: RunState = over
    ? children.some((child) => child.state === 'failed')
      ? 'failed'
      : 'done'
    : children.some((child) => child.state === 'scanning')
      ? 'scanning'
      : children.every((child) => child.state === 'queued')
        ? 'queued'
        : 'working';
  const finished = children
    .map((child) => child.finished ?? '')
    .sort()
    .at(-1);
  const started = children
    .map((child) => child.started ?? '')
    .filter(Boolean)
    .sort()[0];
  return {
    ...run,
    state,
    ...(started ? { started } : {}),
    ...(over && finished ? { finished } : {}),
    progress: {
      read: pair((child) => child.progress.read),
      work: sum((child) => child.progress.work),
      done: sum((child) => child.progress.done),
      retried: sum((child) => child.progress.retried),
    },
    counts: countsBy(
      (counter) => sum((child) => child.counts[counter]),
      (counter) => pair((child) => child.counts[counter]),
    ),
  };
}

/** Begins runs, of one mapping or of all: a scan is queued, a record that was asked for by name is marked at once. */
import type { Engine, TriggerRequest } from '../engine.ts';
import type { Run } from '../store/runs.ts';

/** As `Engine.trigger` says. */
export async function trigger(
  engine: Engine,
  { mapping: name, scan, record, plan = false, group }: TriggerRequest,
  by: Run['trigger'] = 'api',
): Promise<{ run: Run; started: boolean }> {
  const { runs } = engine;
  const mapping = engine.mapping(name);
  const { run, started } = await runs.begin(
    {
      mapping: name,
      scan: record ? 'record' : (scan ?? 'changes'),
      plan,
      trigger: by,
      ...(record ? { record } : {}),
    },
    group,
  );
  if (!started) {
    // The caller that asks again may have edited it after it was read: the same run looks once more.
    if (record && !plan) await engine.context({ owner: run.id, run }).enqueue(name, record.side, [record.id]);
    return { run, started };
  }
  if (record && !plan) {
    await runs.scanning(run);
    // Asked for by name: it is looked at even if nothing seems to have changed.
    await engine.links(name).states.forget([record]);
    await engine.context({ owner: run.id, run }).enqueue(name, record.side, [record.id]);
    await runs.scanned(run);
  } else {
    const job = {
      mapping: mapping.name,
      scan: scan ?? 'changes',
      run: run.id,
      plan,
      ...(record ? { record } : {}),
    } as const;
    await engine.queues.scan.add('scan', job, { jobId: `run-${run.id}` });
  }
  return { run: (await runs.get(run.id)) ?? run, started };
}

/** As `Engine.triggerAll` says: a group run, whose parts are the runs of the mappings. */
export async function triggerAll(
  engine: Engine,
  { scan, plan = false }: Parameters<Engine['triggerAll']>[0],
): Promise<{ run: Run; started: boolean }> {
  const { runs } = engine;
  const mappings = [...engine.config.current().mappings.values()].sort((a, b) => a.depth - b.depth);
  const group = await runs.beginGroup({ scan, plan, trigger: 'api' });
  const begun: { run: Run; started: boolean }[] = [];
  for (const { name } of mappings) begun.push(await engine.trigger({ mapping: name, scan, plan, group }));
  if (begun.length > 0 && begun.every(({ started }) => !started)) {
    const groups = new Set(await Promise.all(begun.map(({ run }) => runs.groupOf(run.id))));
    const [same, ...others] = groups;
    const run = same && others.length === 0 ? await runs.get(same) : undefined;
    if (run?.mapping === '*') {
      await runs.dropGroup(group);
      return { run, started: false };
    }
  }
  const run = await runs.setChildren(
    group,
    begun.map(({ run }) => run.id),
  );
  return { run, started: true };
}

/**
 * A run ends when all that it waits for is done, neither before nor never: each process that works for it may end at
 * any moment.
 */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { type Outcome, outcome } from '../../../engine/model/outcome.ts';
import { createStuckRuns } from '../../../engine/runtime/stuck-runs.ts';
import { type Run, runCount } from '../../../engine/store/runs.ts';
import { worldWith } from './support.ts';

const MAPPING = 'product-product';
/** Of no record: a reconcile of it finds nothing to do. */
const NOBODY = '404404';
const REQUEST = { mapping: MAPPING, scan: 'changes', plan: false, trigger: 'api' } as const;

const world = worldWith({ synced: false });
let run: Run;
beforeEach(async () => {
  run = (await world.engine.runs.begin(REQUEST)).run;
});

const now = async ({ id }: Run): Promise<Run> => (await world.engine.runs.get(id))!;
/** Looks as often as it takes to see that nothing moves. */
async function repair(): Promise<void> {
  const look = createStuckRuns(world.engine);
  await look();
  await look();
}

it('a run that waits stays the only run of its kind, also if it is a run of one record', async () => {
  const { runs, redis } = world.engine;
  const request = { ...REQUEST, scan: 'record', record: { side: 0, id: NOBODY } } as const;
  const { run: own } = await runs.begin(request);
  const lease = (await redis.keys('*:current:*')).find((key) => key.endsWith(NOBODY))!;
  for (const signOfLife of [
    () => runs.scanning(own),
    () => runs.read(own, { side: 0, read: 1, work: 0, failed: 0 }),
    () => runs.keep(own, 60_000),
  ]) {
    await redis.pexpire(lease, 1_000);
    await signOfLife();
    expect(await redis.pttl(lease)).toBeGreaterThan(200_000);
  }
  expect(await runs.begin(request)).toMatchObject({ started: false, run: { id: own.id } });
  await runs.scanned(own);
});

describe('records that a run expects', () => {
  beforeEach(async () => {
    await world.engine.runs.scanning(run);
  });

  it('are queued again where the process that was to queue them ended before that', async () => {
    await world.engine.runs.expect(run, MAPPING, [`0/${NOBODY}`]);
    await world.engine.runs.scanned(run);
    await world.settle();
    expect(await now(run)).toMatchObject({ state: 'working', progress: { work: 1, done: 0 } });
    await repair();
    await world.settle();
    expect(await now(run)).toMatchObject({ state: 'done', progress: { work: 1, done: 1 } });
  });

  it('are left alone while they are due later', async () => {
    await world.engine.runs.expect(run, MAPPING, [`0/${NOBODY}`]);
    const { dirty } = world.engine;
    await dirty.mark(MAPPING, [`0/${NOBODY}`], 3_600_000);
    await world.engine.runs.scanned(run);
    await repair();
    expect((await dirty.stats(MAPPING)).due).toBe(0);
    expect(await now(run)).toMatchObject({ state: 'working' });
    await dirty.mark(MAPPING, [`0/${NOBODY}`]);
    await world.settle();
    expect(await now(run)).toMatchObject({ state: 'done' });
  });

  it('do not include records of another mapping', async () => {
    const context = world.engine.context({ owner: 'test', run });
    await context.enqueue('contact-customer', 0, [NOBODY]);
    await context.enqueue(MAPPING, 0, [NOBODY]);
    await world.engine.runs.scanned(run);
    await world.settle();
    expect(await now(run)).toMatchObject({ state: 'done', progress: { work: 1, done: 1 } });
  });

  it('are waited for again, but counted once, if the run expects them again during their batch', async () => {
    const { runs, dirty } = world.engine;
    const { batches } = world.engine.links(MAPPING);
    const record = `0/${NOBODY}`;
    const take = () => batches.take({ owner: 'worker', ttlMs: 60_000, records: [{ side: 0, id: NOBODY }] });
    const end = (what: Outcome) =>
      batches.commit('worker', [
        { records: [record], claims: [record], result: { kind: 'none' }, run: runCount(what) },
      ]);
    await runs.expect(run, MAPPING, [record]);
    await take();
    await runs.expect(run, MAPPING, [record]);
    // Not marked dirty: it is worked on here.
    await dirty.mark(MAPPING, [record], 3_600_000);
    await runs.scanned(run);
    await end(outcome('created', { side: 1 }));
    expect(await now(run)).toMatchObject({ state: 'working', progress: { work: 1, done: 0 } });
    await take();
    await end(outcome('unchanged'));
    expect(await now(run)).toMatchObject({
      state: 'done',
      progress: { work: 1, done: 1 },
      counts: { created: [0, 1], unchanged: 0 },
    });
  });

  it('are not counted if the run expects them after its end', async () => {
    await world.engine.runs.scanned(run);
    await world.engine.runs.expect(run, MAPPING, [`0/${NOBODY}`]);
    expect(await now(run)).toMatchObject({ state: 'done', progress: { work: 0, done: 0 } });
  });
});

describe('a scan', () => {
  const scanned = async (): Promise<void> => {
    expect(await world.engine.runs.scanning(run)).toBe(true);
    await world.engine.runs.scanned(run);
  };

  it('that is taken over from a worker that was only slow does not begin its run again', async () => {
    await scanned();
    expect(await now(run)).toMatchObject({ state: 'done' });
    expect(await world.engine.runs.scanning(run)).toBe(false);
    await world.engine.queues.scan.add('scan', { ...REQUEST, run: run.id });
    await world.settle();
    expect(await now(run)).toMatchObject({ state: 'done' });
    expect((await world.engine.trigger(REQUEST)).started).toBe(true);
    await world.settle();
  });

  it('that failed and is tried once more ends its run', async () => {
    await world.engine.runs.scanning(run);
    await world.engine.runs.failed(run, 'an outage');
    expect(await now(run)).toMatchObject({ state: 'failed' });
    await world.engine.queues.scan.add('scan', { ...REQUEST, run: run.id });
    await world.settle();
    expect(await now(run)).toMatchObject({ state: 'done' });
    expect((await now(run)).reason).toBeUndefined();
  });
});

describe('a run that was begun by somebody who ended before its scan was queued', () => {
  /** As it looks after all the time that a run may be silent. */
  async function silence(id: string): Promise<void> {
    const key = `${world.engine.prefix}:{runs}:${id}`;
    const lease = await world.engine.redis.hget(key, 'lease');
    if (lease !== null) await world.engine.redis.del(lease);
    await world.engine.redis.hset(key, 'created', new Date(Date.now() - 3_600_000).toISOString());
  }

  it('fails, once it has been silent for long', async () => {
    await repair();
    expect(await now(run)).toMatchObject({ state: 'queued' });
    await silence(run.id);
    await repair();
    expect(await now(run)).toMatchObject({
      state: 'failed',
      reason: 'The process that began it ended before its scan was queued.',
    });
  });

  it('goes on if its scan is only waiting for a worker', async () => {
    await world.engine.queues.scan.add('scan', { ...REQUEST, run: run.id }, { delay: 3_600_000 });
    await silence(run.id);
    await repair();
    expect(await now(run)).toMatchObject({ state: 'queued' });
    await world.engine.queues.scan.promoteJobs();
    await world.settle();
    expect(await now(run)).toMatchObject({ state: 'done' });
  });

  it('fails as a group without a list of children, while its children go on to their own end', async () => {
    await world.engine.runs.failed(run, 'in the way');
    const group = await world.engine.runs.beginGroup({ scan: 'changes', plan: false, trigger: 'api' });
    const { run: child } = await world.engine.trigger({ mapping: MAPPING, scan: 'changes', group });
    await world.settle();
    expect(await now(child)).toMatchObject({ state: 'working' });
    await silence(group);
    await repair();
    expect(await now(child)).toMatchObject({ state: 'done' });
    expect(await world.engine.runs.get(group)).toMatchObject({ state: 'failed' });
  });
});

it('a run does not wait for the records of a mapping that was removed', async () => {
  const removed = 'opportunity-order';
  await world.engine.runs.failed(run, 'in the way');
  const group = await world.engine.runs.beginGroup({ scan: 'changes', plan: false, trigger: 'api' });
  const children: Run[] = [];
  for (const mapping of [MAPPING, removed])
    children.push((await world.engine.runs.begin({ ...REQUEST, mapping }, group)).run);
  for (const child of children) await world.engine.runs.scanning(child);
  await world.engine.runs.expect(children[1]!, removed, [`0/${NOBODY}`]);
  for (const child of children) await world.engine.runs.scanned(child);
  await world.engine.runs.setChildren(
    group,
    children.map(({ id }) => id),
  );
  await rm(join(world.dir, 'mappings', `${removed}.yaml`));
  await expect.poll(() => world.engine.versions.worked(removed), { timeout: 30_000 }).toBe(false);
  expect(await world.engine.runs.get(group)).toMatchObject({ state: 'working' });
  await repair();
  await world.settle();
  expect(await world.engine.runs.get(group)).toMatchObject({ state: 'done' });
  expect(await world.engine.runs.since(MAPPING)).toBeUndefined();
});

/**
 * Retires a mapping whose file is missing: deletes its links, queue, schedules and whatever else is kept of it, in steps.
 * The systems are not called. It may be begun again at any point, by any process.
 */
import type { Engine } from '../engine.ts';
import { TandemError } from '../errors.ts';
import { SCAN_QUEUE } from '../runtime/queues.ts';
import { serverId } from './connection.ts';
import { schedulesOf } from './schedules.ts';

/** One request deletes for this long, in ms. */
const PATIENCE = 5_000;
/** Keys looked at per step. */
const STEP = 1_000;
/** Jobs that workers have now. */
const ACTIVE = 1_000;

/**
 * @param confirmed how many links the person has agreed to delete
 * @param patience ms after which it returns; default 5,000
 * @returns whether all is deleted; false: to be asked again
 * @throws TandemError NOT_FOUND where none of that name was ever in force; CONFLICT where it has a file, has another
 *   number of links, or is being worked on
 */
export async function retireMapping(
  engine: Engine,
  name: string,
  confirmed: number,
  patience = PATIENCE,
): Promise<boolean> {
  const end = performance.now() + patience;
  if (!(await engine.retirements.get(name))) await begin(engine, name, confirmed);
  const mark = (await engine.retirements.get(name)) ?? { since: new Date().toISOString(), cursor: '0', server: '' };
  // The links first, in one step: no reader finds half of them.
  const base = `${engine.prefix}:{${name}}:`;
  await engine.redis.unlink(`${base}link`, `${base}progress`);
  await engine.queues.drop(name);
  for (const { key } of await schedulesOf(engine, name)) await engine.queues.scan.removeJobScheduler(key);
  await engine.runs.forget(name, `The mapping "${name}" was retired.`);
  for (const other of await engine.retirements.known())
    if (other !== name) await engine.links(other).dependents.forget(name);
  const server = await serverId(engine.redis);
  let cursor = mark.server === server ? mark.cursor : '0';
  do {
    const [next, keys] = await engine.redis.scan(cursor, 'MATCH', `${escapeGlob(base)}*`, 'COUNT', STEP);
    if (keys.length > 0) await engine.redis.unlink(...keys);
    cursor = next;
    await engine.retirements.note(name, { ...mark, cursor, server });
    if (cursor !== '0' && performance.now() > end) return false;
  } while (cursor !== '0');
  // Another server took over meanwhile: its keys are searched from the start.
  if ((await serverId(engine.redis)) !== server) return false;
  await engine.retirements.end(name);
  return true;
}

async function begin(engine: Engine, name: string, confirmed: number): Promise<void> {
  const context = { mapping: name };
  if (engine.config.current().mappings.has(name))
    throw new TandemError(
      'CONFLICT',
      `The mapping "${name}" has a file: remove it first. Its links are kept until then, and paused.`,
      context,
    );
  if (!(await engine.retirements.known()).includes(name))
    throw new TandemError(
      'NOT_FOUND',
      `There is no mapping "${name}", and none of that name was ever in force.`,
      context,
    );
  const faulty = engine.config.problems().find(({ file }) => /^mappings\/[^/]+$/.test(file));
  if (faulty)
    throw new TandemError(
      'CONFLICT',
      `${faulty.file} cannot be used, and may be the file of "${name}": correct or remove it first.`,
      context,
    );
  const links = await engine.links(name).links.count();
  if (links !== confirmed)
    throw new TandemError(
      'CONFLICT',
      `"${name}" has ${links} links, not ${confirmed}: confirm the deletion with the number of its links.`,
      context,
    );
  if (await isWorkedOn(engine, name))
    throw new TandemError('CONFLICT', `Work on "${name}" is just being finished: ask again in a moment.`, context);
  const has = await engine.retirements.begin(name);
  if (has !== undefined)
    throw new TandemError('CONFLICT', `A running process (${has}) still has the file of "${name}".`, context);
}

/** Whether a worker that lives holds a job of the mapping. */
async function isWorkedOn({ queues, redis }: Engine, name: string): Promise<boolean> {
  for (const queue of [queues.reconcile(name), queues.scan]) {
    const active = await queue.getJobs(['active'], 0, ACTIVE - 1);
    const own = active.filter((job) => job && (queue.name !== SCAN_QUEUE || job.data.mapping === name));
    for (const { id } of own) if ((await redis.exists(`${queue.toKey(id!)}:lock`)) > 0) return true;
  }
  return false;
}

const escapeGlob = (text: string): string => text.replace(/[\\*?[\]]/g, '\\$&');

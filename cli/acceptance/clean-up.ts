/** Removes what a test made, also one that was ended by force, and names what it cannot remove. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Config, EntityConfig, Journal, JournalEntry, Mapping, OpenEntry, SideIndex } from '../../engine/index.ts';
import { asFailure } from '../failure.ts';
import { isOutage } from './outage.ts';
import type { TestSystems } from './systems.ts';
import type { TestedTandem } from './tandem.ts';
import type { TestedQueues } from './tested-queues.ts';

export interface CleanUpParts {
  readonly config: Config;
  readonly systems: TestSystems;
  readonly tandem: TestedTandem;
  readonly queues: TestedQueues;
  readonly journal: Journal;
}

export interface Cleaned {
  readonly removed: number;
  readonly left: readonly string[];
}

/** Rounds of looking for records that Tandem made while others were removed. */
const ROUNDS = 3;

/** A system that was down may answer again: its calls are tried for this long in a clean-up, in ms. */
const PATIENCE = 30_000;
const AGAIN = 1_000;

type Patiently = <T>(work: () => Promise<T>) => Promise<T>;

function patience(): Patiently {
  const until = performance.now() + PATIENCE;
  return async (work) => {
    for (;;) {
      try {
        return await work();
      } catch (error) {
        if (!isOutage(error) || performance.now() > until) throw error;
        await sleep(AGAIN);
      }
    }
  };
}

/** Where something is left, the journal keeps the test: the next one tries again. Never throws. */
export async function cleanUp(parts: CleanUpParts, { mark }: Pick<JournalEntry, 'mark'>): Promise<Cleaned> {
  let removed = 0;
  try {
    const entry = (await parts.journal.open()).find((one) => one.mark === mark);
    if (!entry) return { removed, left: [] };
    const left = [...(await resumed(parts, entry))];
    const patiently = patience();
    for (let round = 1; ; round++) {
      const { records, unknown } = await recordsOf(parts, entry, patiently);
      const rest = await removeAll(parts, records, patiently);
      removed += records.length - rest.length;
      if (records.length > rest.length && round < ROUNDS) continue;
      left.push(...unknown, ...rest);
      break;
    }
    if (left.length === 0) await parts.journal.end(mark);
    return { removed, left };
  } catch (error) {
    return { removed, left: [`all that holds ${mark}: ${asFailure(error).message}`] };
  }
}

/** Resumes what the test paused, and nothing that a person did. @returns what could not be resumed */
async function resumed({ queues }: CleanUpParts, { mark, paused }: OpenEntry): Promise<string[]> {
  const left: string[] = [];
  for (const mapping of paused)
    await queues.resume(mark, mapping).catch((error: unknown) => {
      left.push(`the queue of ${mapping} is paused, resume it: ${asFailure(error).message}`);
    });
  return left;
}

interface TestRecord {
  readonly entity: EntityConfig;
  readonly id: string;
}

const nameOf = ({ entity, id }: TestRecord): string => `${entity.system}/${entity.name}/${id}`;

/**
 * Breaks links first, so that no removal is a deletion that counts for a brake or is propagated; then removes the records, and
 * lets Tandem look at each once more, so that nothing waits for them.
 * @returns those that are left
 */
async function removeAll(
  { config, tandem, systems }: CleanUpParts,
  records: readonly TestRecord[],
  patiently: Patiently,
): Promise<string[]> {
  const left = new Map<TestRecord, string>();
  const attempt = async (record: TestRecord, work: () => Promise<unknown>): Promise<void> => {
    try {
      if (!left.has(record)) await patiently(work);
    } catch (error) {
      left.set(record, `${nameOf(record)}: ${asFailure(error).message}`);
    }
  };
  for (const record of records)
    for (const { mapping, side } of usersOf(config, record))
      await attempt(record, () => tandem.unlink(mapping, side, record.id));
  for (const record of records) await attempt(record, () => systems.delete(record.entity, record.id));
  const apart = new Set([...left.keys()].map(({ entity }) => entity.system));
  for (const record of records)
    for (const { mapping, side } of usersOf(config, record))
      if (!mapping.sides.some(({ system }) => apart.has(system.name)))
        await tandem.sync(mapping, side, record.id).catch(() => {});
  return [...left.values()];
}

const usersOf = ({ mappings }: Config, { entity }: TestRecord): { mapping: Mapping; side: SideIndex }[] =>
  [...mappings.values()].flatMap((mapping) =>
    mapping.sides
      .filter((side) => side.entity.system === entity.system && side.entity.name === entity.name)
      .map(({ index }) => ({ mapping, side: index })),
  );

/** Those that were noted, and those that hold the mark; each once, and only those that still exist. */
async function recordsOf(
  { config, systems }: CleanUpParts,
  { entities, mark, records: noted, started }: OpenEntry,
  patiently: Patiently,
): Promise<{ records: TestRecord[]; unknown: string[] }> {
  const found = new Map<string, TestRecord>();
  const unknown: string[] = [];
  for (const name of entities) {
    const [system = '', entityName = ''] = name.split('/');
    const entity = config.systems.get(system)?.entities[entityName];
    if (!entity) continue;
    const own = noted.filter((record) => record.startsWith(`${name}/`));
    try {
      for (const record of own) {
        const id = record.slice(name.length + 1);
        if (await patiently(() => systems.read(entity, id))) found.set(record, { entity, id });
      }
      for await (const { id, data } of systems.since(entity, started))
        if (JSON.stringify(data).includes(mark)) found.set(`${name}/${id}`, { entity, id });
    } catch (error) {
      const why = `it cannot be searched: ${asFailure(error).message}`;
      unknown.push(...[...own.filter((record) => !found.has(record)), name].map((one) => `${one}: ${why}`));
    }
  }
  return { records: [...found.values()], unknown };
}

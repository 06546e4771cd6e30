/** `tandem qa --write` from its first note in the journal to the last record that is removed. */
import { randomBytes } from 'node:crypto';
import {
  type Config,
  connect,
  createJournal,
  type EntityConfig,
  type Journal,
  type JournalEntry,
  type Mapping,
} from '../../engine/index.ts';
import type { CommandContext } from '../command.ts';
import { asFailure, FAILED, Failure } from '../failure.ts';
import { plain } from '../format/output.ts';
import { createLogger } from '../process/log.ts';
import { checkRedis, requireRedisUrl } from '../process/redis.ts';
import type { TestContext } from './mapping-test.ts';
import { makePairs, testMapping } from './run.ts';
import { type TestSystems, testSystems } from './systems.ts';
import { type TestedTandem, testedTandem } from './tandem.ts';
import type { Check } from './verdicts.ts';

export interface AcceptanceOptions {
  /** Beginning of the mark of all records. */
  readonly prefix: string;
  readonly keep: boolean;
  /** Milliseconds within which an edit must arrive. */
  readonly limit: number;
}

export interface AcceptanceReport {
  readonly checks: readonly Check[];
  readonly mark: string;
  readonly started: string;
  /** Milliseconds. */
  readonly took: number;
  readonly removed: number;
  /** Records that could not be removed, as `SYSTEM/ENTITY/ID`. */
  readonly left: readonly string[];
  readonly stopped: boolean;
}

/** @param signal ends the test after the step that is under way; what it made is removed all the same */
// Over 60 lines: one test from its first note to the last removal. However it ends, it closes and removes what it opened and made.
export async function acceptance(
  { environment, output, client }: CommandContext,
  config: Config,
  mappings: readonly Mapping[],
  { prefix, keep, limit }: AcceptanceOptions,
  signal: AbortSignal,
): Promise<AcceptanceReport> {
  const url = requireRedisUrl(environment);
  await checkRedis(url, environment.prefix, createLogger('error', process.stderr, true));
  const redis = connect(url, environment.prefix);
  redis.on('error', () => {});
  const journal = createJournal(redis, environment.prefix);
  const mark = `${prefix}${randomBytes(4).toString('hex')}`;
  const began = performance.now();
  const note = (entity: EntityConfig, id: string): Promise<void> => journal.note(mark, entity, id);
  const systems = testSystems(
    config,
    { redis, prefix: environment.prefix, encryptionKey: environment.encryptionKey },
    note,
  );
  const tandem = testedTandem(client, limit, signal);
  // What is removed must be, even after Ctrl-C.
  const patient = testedTandem(client, limit, new AbortController().signal);
  const progress = (what: string): void => {
    if (output.tty) process.stderr.write(`\r\u001b[K${plain(what)}`);
  };
  try {
    for (const open of await journal.open()) {
      output.note(`Removing what an earlier test left (${open.mark}).`);
      const { left } = await cleanUp(config, systems, patient, journal, open);
      if (left.length > 0) output.note(`Still there: ${left.join(', ')}`);
    }
    const checks: Check[] = [];
    // A clock that is a little behind this one must not hide a record.
    const started = new Date(Date.now() - 10 * 60_000).toISOString();
    const entry: JournalEntry = {
      mark,
      started,
      entities: entitiesOf(config),
      mappings: [...config.mappings.keys()],
    };
    await journal.begin(entry);
    let texts = 0;
    const context: TestContext = {
      mappings: config.mappings,
      systems,
      tandem,
      mark,
      nextNumber: () => ++texts,
      limit,
      signal,
      pairs: new Map(),
      note,
      progress,
    };
    let stopped = false;
    let cleaned: { removed: number; left: readonly string[] } = { removed: 0, left: [] };
    try {
      for (const mapping of mappings) {
        const blocked = await whyBlocked(tandem, mapping);
        if (blocked !== undefined) {
          checks.push(notTestable(mapping, blocked));
          continue;
        }
        for (const parent of referredBy(config, mapping)) await makePairs(context, parent);
        const found = await testMapping(context, mapping);
        checks.push(...found);
        const failed = found.filter(({ verdict }) => verdict === 'failed').length;
        if (!output.json) output.note(`${mapping.name}: ${found.length} checks, ${failed} failed`);
      }
    } catch (error) {
      if (!signal.aborted) throw error;
      stopped = true;
    } finally {
      if (output.tty) process.stderr.write('\r\u001b[K');
      if (!keep) {
        if (!output.json) output.note('Removing the records of this test ...');
        cleaned = await cleanUp(config, systems, patient, journal, { ...entry, records: [] });
      }
    }
    return { checks, mark, started, took: performance.now() - began, ...cleaned, stopped };
  } finally {
    await systems.close();
    redis.disconnect();
  }
}

/** Mappings to whose records those of a mapping refer; and those that refer to it, where it creates on demand. */
function referredBy({ mappings }: Config, mapping: Mapping): Mapping[] {
  const onDemand = mapping.sides.some(({ create }) => create === 'on-demand');
  const referring = [...mappings.values()].filter(({ parents }) => onDemand && parents.includes(mapping.name));
  const names = new Set([mapping, ...referring].flatMap(({ parents }) => parents));
  return [...names].filter((name) => name !== mapping.name).map((name) => mappings.get(name)!);
}

const entitiesOf = (config: Config): string[] => [
  ...new Set(
    [...config.mappings.values()].flatMap(({ sides }) => sides.map(({ entity }) => `${entity.system}/${entity.name}`)),
  ),
];

const notTestable = ({ name, sides: [from, to] }: Mapping, reason: string): Check => ({
  mapping: name,
  what: 'created',
  from: from.name,
  to: to.name,
  verdict: 'not testable',
  reason,
});

/** Why a mapping cannot be tested now. */
async function whyBlocked(tandem: TestedTandem, mapping: Mapping): Promise<string | undefined> {
  const state = (await tandem.states()).find(({ name }) => name === mapping.name);
  if (!state) return 'the running Tandem does not have this mapping';
  if (state.version !== mapping.version)
    return 'the running Tandem has another version of this mapping than these files';
  if (!state.ready) return 'both sides were not read fully yet: run tandem sync --full first';
  return state.brake ? 'its brake is on' : undefined;
}

/** Rounds of looking for records that Tandem made while others were removed. */
const ROUNDS = 3;

/**
 * Breaks links first, so that no removal is a deletion that counts for a brake or is propagated; then removes the records, and
 * lets Tandem look at each once more, so that nothing waits for them.
 */
async function cleanUp(
  config: Config,
  systems: TestSystems,
  tandem: TestedTandem,
  journal: Journal,
  { mark, started, entities, mappings }: JournalEntry & { readonly records?: readonly string[] },
): Promise<{ removed: number; left: readonly string[] }> {
  for (const mapping of mappings) if (config.mappings.has(mapping)) await tandem.resume(mapping).catch(() => {});
  const touched = entities.flatMap((name) => {
    const [system = '', entity = ''] = name.split('/');
    const found = config.systems.get(system)?.entities[entity];
    return found ? [found] : [];
  });
  let removed = 0;
  let left: string[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const found = await recordsOf(systems, journal, mark, started, touched);
    if (found.length === 0) break;
    const users = found.flatMap(({ entity, id }) =>
      [...config.mappings.values()].flatMap((mapping) =>
        mapping.sides
          .filter((side) => side.entity.system === entity.system && side.entity.name === entity.name)
          .map(({ index }) => ({ mapping, side: index, id })),
      ),
    );
    for (const { mapping, side, id } of users) await tandem.unlink(mapping, side, id);
    left = [];
    for (const { entity, id } of found) {
      try {
        await systems.delete(entity, id);
        removed++;
      } catch (error) {
        left.push(`${entity.system}/${entity.name}/${id}: ${asFailure(error).message}`);
      }
    }
    for (const { mapping, side, id } of users) await tandem.sync(mapping, side, id).catch(() => {});
  }
  if (left.length === 0) await journal.end(mark);
  return { removed, left };
}

/** Those that were noted, and those that hold the mark; each once, and only those that still exist. */
async function recordsOf(
  systems: TestSystems,
  journal: Journal,
  mark: string,
  started: string,
  entities: readonly EntityConfig[],
): Promise<{ entity: EntityConfig; id: string }[]> {
  const noted = (await journal.open()).find((entry) => entry.mark === mark)?.records ?? [];
  const found = new Map<string, { entity: EntityConfig; id: string }>();
  for (const entity of entities) {
    const name = `${entity.system}/${entity.name}/`;
    for (const record of noted) {
      if (!record.startsWith(name)) continue;
      const id = record.slice(name.length);
      if (await systems.read(entity, id)) found.set(record, { entity, id });
    }
    for await (const { id, data } of systems.since(entity, started))
      if (JSON.stringify(data).includes(mark)) found.set(`${name}${id}`, { entity, id });
  }
  return [...found.values()];
}

/** @throws Failure where a system is no stand-in on this machine and nobody said yes */
export function requireYes(mappings: readonly Mapping[], yes: boolean): void {
  const hosts = [
    ...new Set(mappings.flatMap(({ sides }) => sides.map(({ system }) => new URL(system.baseUrl).hostname))),
  ];
  const away = hosts.filter((host) => !/^(localhost|127(\.\d+){3}|\[::1\])$/.test(host));
  if (away.length === 0 || yes) return;
  throw new Failure(
    'BAD_REQUEST',
    `--write makes, changes and deletes records of its own in ${away.join(' and ')}. Nothing was done.`,
    'Say so: --yes',
  );
}

export const acceptancePassed = ({ checks, left, stopped }: AcceptanceReport): boolean =>
  !stopped &&
  left.length === 0 &&
  checks.some(({ verdict }) => verdict === 'passed') &&
  checks.every(({ verdict }) => verdict !== 'failed');

export const exitStatus = (report: AcceptanceReport): number =>
  report.stopped ? 130 : acceptancePassed(report) ? 0 : FAILED;

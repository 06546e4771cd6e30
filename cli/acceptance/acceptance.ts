/** `tandem qa --write` from its first note in the journal to the last record that is removed. */
import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';
import {
  type Config,
  connect,
  createJournal,
  type JournalEntry,
  type Mapping,
  type TurnHolder,
  takeTurn,
} from '../../engine/index.ts';
import type { CommandContext } from '../command.ts';
import { FAILED, Failure } from '../failure.ts';
import { plain } from '../format/output.ts';
import { createLogger } from '../process/log.ts';
import { checkRedis, requireRedisUrl } from '../process/redis.ts';
import type { AcceptanceReport } from './acceptance-report.ts';
import { type Cleaned, type CleanUpParts, cleanUp } from './clean-up.ts';
import { type TestContext, testContext } from './mapping-test.ts';
import { testMappings } from './run.ts';
import { testSystems } from './systems.ts';
import { testedTandem } from './tandem.ts';
import { testedQueues } from './tested-queues.ts';

export interface AcceptanceOptions {
  /** Beginning of the mark of all records. */
  readonly prefix: string;
  readonly keep: boolean;
  /** Milliseconds within which an edit must arrive. */
  readonly limit: number;
}

/**
 * @param signal ends the test after the step that is under way; what it made is removed all the same
 * @throws Failure CONFLICT where another test runs
 */
export async function acceptance(
  command: CommandContext,
  config: Config,
  mappings: readonly Mapping[],
  options: AcceptanceOptions,
  signal: AbortSignal,
): Promise<AcceptanceReport> {
  const { environment, output } = command;
  const url = requireRedisUrl(environment);
  await checkRedis(url, environment.prefix, createLogger('error', process.stderr, true));
  const redis = connect(url, environment.prefix);
  redis.on('error', () => {});
  const mark = `${options.prefix}${randomBytes(4).toString('hex')}`;
  const lost = new AbortController();
  const journal = createJournal(redis, environment.prefix);
  const { prefix, encryptionKey } = environment;
  const systems = testSystems(config, { redis, prefix, encryptionKey }, (entity, id) => journal.note(mark, entity, id));
  try {
    const holder = { mark, host: hostname(), pid: process.pid, since: new Date().toISOString() };
    const turn = await takeTurn(redis, prefix, holder, () => {
      output.note('Another test took the place of this one, as Redis did not hear of it for too long. Stopping.');
      lost.abort();
    });
    if (!('give' in turn)) throw alreadyRunning(turn);
    try {
      const parts = { config, systems, journal, queues: testedQueues(command.client, journal, mark) };
      return await wholeTest(command, parts, mappings, mark, options, AbortSignal.any([signal, lost.signal]));
    } finally {
      await turn.give().catch(() => {});
    }
  } finally {
    await systems.close();
    redis.disconnect();
  }
}

const alreadyRunning = ({ mark, host, pid, since }: TurnHolder): Failure =>
  new Failure(
    'CONFLICT',
    `Another test is running (${mark}): process ${pid} on ${host}, since ${since}. Nothing was done.`,
    'Wait until it has ended, or end it with Ctrl-C: it removes its records first.',
    FAILED,
  );

/** What earlier tests left is removed, mappings are tested, and what the test made is removed, however it ends. */
async function wholeTest(
  { client, output }: CommandContext,
  parts: Omit<CleanUpParts, 'tandem'>,
  mappings: readonly Mapping[],
  mark: string,
  { keep, limit }: AcceptanceOptions,
  signal: AbortSignal,
): Promise<AcceptanceReport> {
  const { config, journal } = parts;
  const began = performance.now();
  // What is removed must be, even after Ctrl-C.
  const patient = { ...parts, tandem: testedTandem(client, limit, new AbortController().signal) };
  const stillThere: string[] = [];
  for (const open of await journal.open()) {
    output.note(`Removing what an earlier test left (${open.mark}).`);
    stillThere.push(...(await cleanUp(patient, open)).left);
  }
  // A clock that is a little behind this one must not hide a record.
  const started = new Date(Date.now() - 10 * 60_000).toISOString();
  const entry: JournalEntry = { mark, started, entities: entitiesOf(config) };
  await journal.begin(entry);
  const context: TestContext = testContext({
    ...parts,
    tandem: testedTandem(client, limit, signal),
    mappings: config.mappings,
    mark,
    limit,
    signal,
    note: (entity, id) => journal.note(mark, entity, id),
    progress: (what) => {
      if (output.tty) process.stderr.write(`\r\u001b[K${plain(what)}`);
    },
  });
  const tell = (text: string): void => {
    if (output.tty) process.stderr.write('\r\u001b[K');
    if (!output.json) output.note(text);
  };
  const checks = await testMappings(context, config, mappings, tell);
  let cleaned: Cleaned = { removed: 0, left: [] };
  if (!keep) {
    tell('Removing the records of this test ...');
    cleaned = await cleanUp(patient, entry);
  }
  const left = [...stillThere, ...cleaned.left];
  return { checks, mark, started, took: performance.now() - began, ...cleaned, left, stopped: signal.aborted };
}

const entitiesOf = (config: Config): string[] => [
  ...new Set(
    [...config.mappings.values()].flatMap(({ sides }) => sides.map(({ entity }) => `${entity.system}/${entity.name}`)),
  ),
];

/** The configuration that runs: reloads files as they are edited, and keeps the last good version of a bad edit running. */
import { setTimeout as sleep } from 'node:timers/promises';
import { type Env, namedVariables } from './env.ts';
import { type Files, readFiles } from './files.ts';
import { formatProblem } from './format.ts';
import { type Running, settle } from './last-good.ts';
import type { LoadOptions } from './load.ts';
import type { Config, Mapping, Problem } from './types.ts';
import { watchFiles } from './watch-files.ts';
import { unreadable } from './yaml.ts';

export interface ConfigStoreOptions extends LoadOptions {
  /** Whether to watch the folders; default true. Without, only `reload` reads again. */
  readonly watch?: boolean;
  /** Milliseconds for which the files must stay as they are before an edit counts; default 150. */
  readonly debounce?: number;
  /**
   * Milliseconds between looks at the files for edits that no event reported (network drives, links); default 1,500.
   */
  readonly poll?: number;
}

export interface ConfigChange {
  readonly config: Config;
  readonly problems: readonly Problem[];
  /** Names of the mappings that came, went, or have another version. */
  readonly changed: readonly string[];
}

/** One per process. `current()` is the same object until an edit counts; work keeps the one that it began with. */
export interface ConfigStore {
  current(): Config;
  /** Faults of the files as they are now, also where an older version of them still runs. */
  problems(): readonly Problem[];
  /** @returns a function that ends it */
  on(listener: (change: ConfigChange) => void): () => void;
  /**
   * Notes what kept a mapping from being put into force, or with no reason that it is in force: a problem of its file as
   * long as it lasts.
   */
  applied(mapping: Pick<Mapping, 'name' | 'file'>, reason?: string): void;
  /** Reads all files now. */
  reload(): Promise<void>;
  /** What runs, as it is compiled: the texts, which are other ones after each edit, and the variables that they name. */
  sources(): { readonly files: Files; readonly env: Env };
  close(): Promise<void>;
}

const DEBOUNCE = 150;
const POLL = 1_500;
/** How often files that change while they are read are read again, at most. */
const ROUNDS = 20;

interface State {
  readonly options: ConfigStoreOptions;
  /** The files as they were read last. */
  read: Files;
  running: Running;
  readonly listeners: Set<(change: ConfigChange) => void>;
  /** By name of the mapping. */
  readonly notApplied: Map<string, Problem>;
  /** Readings, one after the other. */
  queue: Promise<void>;
  closed: boolean;
  /** A folder could not be read. */
  unreadable: boolean;
}

/**
 * At the first load there is no last good version: what is faulty does not run. The caller decides whether to start.
 * @throws TandemError STARTUP_REFUSED where a folder cannot be read at the first load; later it is a problem
 */
export async function createConfigStore(options: ConfigStoreOptions): Promise<ConfigStore> {
  const read = await readFiles(options);
  const store: State = {
    options,
    read,
    running: settle(read, undefined, options.env),
    listeners: new Set(),
    notApplied: new Map(),
    queue: Promise.resolve(),
    closed: false,
    unreadable: false,
  };
  const { watch = true, debounce = DEBOUNCE, poll = POLL } = options;
  const watching = watch ? await watchFiles(options, debounce, poll, () => void reload(store)) : undefined;
  return {
    current: () => store.running.config,
    problems: () => allProblems(store),
    applied: (mapping, reason) => noteApplied(store, mapping, reason),
    on(listener) {
      store.listeners.add(listener);
      return () => void store.listeners.delete(listener);
    },
    reload: () => reload(store),
    sources: () => ({ files: store.running.files, env: namedVariables(store.running.files, options.env) }),
    async close() {
      store.closed = true;
      store.listeners.clear();
      await watching?.close();
      await store.queue;
    },
  };
}

const allProblems = ({ running, notApplied }: State): Problem[] => [
  ...running.problems,
  ...[...notApplied.values()].filter(({ file }) => running.files.has(file)),
];

function noteApplied(
  { notApplied }: State,
  { name, file }: Pick<Mapping, 'name' | 'file'>,
  reason: string | undefined,
): void {
  if (reason === undefined) notApplied.delete(name);
  else
    notApplied.set(name, {
      code: 'STARTUP_REFUSED',
      file,
      line: 1,
      column: 1,
      where: '',
      message: `The mapping could not be put into force, which is tried again: ${reason}`,
    });
}

function reload(store: State): Promise<void> {
  const read = () => readNow(store);
  // A listener that threw keeps no later edit from being read.
  store.queue = store.queue.then(read, read);
  return store.queue;
}

async function readNow(store: State): Promise<void> {
  if (store.closed) return;
  const next = await nextRunning(store).catch((error: unknown) => {
    store.unreadable = true;
    return notRead(store, error);
  });
  if (next) apply(store, next);
}

/** @returns undefined where the files are as they were */
async function nextRunning(store: State): Promise<Running | undefined> {
  const fresh = await readWhole(store);
  if (sameFiles(fresh, store.read) && !store.unreadable) return undefined;
  store.read = fresh;
  store.unreadable = false;
  return settle(fresh, store.running, store.options.env);
}

/** What runs goes on running; a folder that cannot be read is reported like a fault of a file. */
function notRead({ running, options: { root } }: State, error: unknown): Running {
  const message = `The files cannot be read: ${error instanceof Error ? error.message : String(error)}`;
  return { ...running, problems: [{ code: 'STARTUP_REFUSED', file: root, line: 1, column: 1, where: '', message }] };
}

/** A file that is just being written may be valid as far as it goes: what differs is read until it stays as it is. */
async function readWhole(store: State): Promise<Files> {
  const { options } = store;
  let fresh = await readFiles(options);
  for (let round = 1; !sameFiles(fresh, store.read) && !store.closed; round++) {
    await sleep(options.debounce ?? DEBOUNCE);
    const again = await readFiles(options);
    if (sameFiles(again, fresh)) break;
    if (round === ROUNDS) return withoutRestless(again, fresh);
    fresh = again;
  }
  return fresh;
}

function apply(store: State, next: Running): void {
  const before = store.running;
  const changed = changedMappings(before.config, next.config);
  const same = before.config.version === next.config.version;
  store.running = same ? { ...next, config: before.config } : next;
  if (same && problemText(before.problems) === problemText(next.problems)) return;
  for (const listener of store.listeners)
    listener({ config: store.running.config, problems: allProblems(store), changed });
}

/** What changes all the time (a log, a file of /proc) must not keep edits of other files waiting. */
function withoutRestless(now: Files, before: Files): Files {
  const changed = [...now].filter(([file, text]) => before.get(file) !== text);
  return new Map([...now, ...changed.map(([file]) => [file, unreadable('It changes all the time.')] as const)]);
}

const sameFiles = (a: Files, b: Files): boolean =>
  a.size === b.size && [...a].every(([file, text]) => b.get(file) === text);

function changedMappings(before: Config, after: Config): string[] {
  const names = new Set([...before.mappings.keys(), ...after.mappings.keys()]);
  return [...names].filter((name) => before.mappings.get(name)?.version !== after.mappings.get(name)?.version).sort();
}

const problemText = (problems: readonly Problem[]): string => problems.map(formatProblem).sort().join('\n');

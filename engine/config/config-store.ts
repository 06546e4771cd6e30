/** The configuration that runs: reloads files as they are edited, and keeps the last good version of a bad edit running. */
import { setTimeout as sleep } from 'node:timers/promises';
import { watch } from 'chokidar';
import { type Env, namedVariables } from './env.ts';
import { type Files, MAX_FOLDER_DEPTH, readFiles, resolveFolders } from './files.ts';
import { formatProblem } from './format.ts';
import { compileFiles, type LoadOptions, type LoadResult } from './load.ts';
import type { Config, Mapping, Problem } from './types.ts';
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

// Over 60 lines: a factory. What it returns, and what watches the files, are short functions that share what was read last and what runs.
/**
 * At the first load there is no last good version: what is faulty does not run. The caller decides whether to start.
 * @throws TandemError STARTUP_REFUSED where a folder cannot be read at the first load; later it is a problem
 */
export async function createConfigStore(options: ConfigStoreOptions): Promise<ConfigStore> {
  let read = await readFiles(options);
  let running = settle(read, undefined, options);
  const listeners = new Set<(change: ConfigChange) => void>();
  const notApplied = new Map<string, Problem>();
  const allProblems = (): Problem[] => [
    ...running.problems,
    ...[...notApplied.values()].filter(({ file }) => running.files.has(file)),
  ];
  let timer: NodeJS.Timeout | undefined;
  let queue: Promise<void> = Promise.resolve();
  let closed = false;
  let unreadable = false;

  const apply = (next: Running): void => {
    const before = running;
    const changed = changedMappings(before.config, next.config);
    const same = before.config.version === next.config.version;
    running = same ? { ...next, config: before.config } : next;
    if (same && problemText(before.problems) === problemText(next.problems)) return;
    for (const listener of listeners) listener({ config: running.config, problems: allProblems(), changed });
  };
  /** A file that is just being written may be valid as far as it goes: what differs is read until it stays as it is. */
  const readWhole = async (): Promise<Files> => {
    let fresh = await readFiles(options);
    for (let round = 1; !sameFiles(fresh, read) && !closed; round++) {
      await sleep(options.debounce ?? DEBOUNCE);
      const again = await readFiles(options);
      if (sameFiles(again, fresh)) break;
      if (round === ROUNDS) return withoutRestless(again, fresh);
      fresh = again;
    }
    return fresh;
  };
  const readNow = async (): Promise<void> => {
    if (closed) return;
    try {
      const fresh = await readWhole();
      if (sameFiles(fresh, read) && !unreadable) return;
      read = fresh;
      unreadable = false;
      apply(settle(fresh, running, options));
    } catch (error) {
      // What runs goes on running; a folder that cannot be read is reported like a fault of a file.
      const message = error instanceof Error ? error.message : String(error);
      unreadable = true;
      apply({
        ...running,
        problems: [
          {
            code: 'STARTUP_REFUSED',
            file: options.root,
            line: 1,
            column: 1,
            where: '',
            message: `The files cannot be read: ${message}`,
          },
        ],
      });
    }
  };
  const reload = (): Promise<void> => {
    queue = queue.then(readNow);
    return queue;
  };

  // Events make it quick; looking makes it sure: a file may be written between its event and its being watched.
  const watched = options.watch ?? true;
  const poll = watched ? setInterval(() => void reload(), options.poll ?? POLL) : undefined;
  poll?.unref();
  const watcher = watched
    ? watch(Object.values(resolveFolders(options)), {
        ignoreInitial: true,
        // A link may lead anywhere, also to the root of the disk. Edits of what links lead to are found by looking.
        followSymlinks: false,
        depth: MAX_FOLDER_DEPTH,
        ignored: (path) => /[/\\]\.[^/\\]+$|~$/.test(path),
      })
    : undefined;
  if (watcher) {
    const touched = (): void => {
      clearTimeout(timer);
      timer = setTimeout(() => void reload(), options.debounce ?? DEBOUNCE);
    };
    watcher.on('all', touched);
    // A watcher that fails (too many files, a folder removed) must not end the process.
    watcher.on('error', touched);
    await new Promise<void>((resolve) => watcher.once('ready', () => resolve()));
  }

  return {
    current: () => running.config,
    problems: allProblems,
    applied({ name, file }, reason) {
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
    },
    on(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    reload,
    sources: () => ({ files: running.files, env: namedVariables(running.files, options.env) }),
    async close() {
      closed = true;
      clearTimeout(timer);
      clearInterval(poll);
      listeners.clear();
      await watcher?.close();
      await queue;
    },
  };
}

// ---------------------------------------------------------------- the last good version

interface Running {
  readonly config: Config;
  readonly problems: readonly Problem[];
  /** The texts that run. */
  readonly files: Files;
  /** The latest text of each file that had no fault. */
  readonly good: Files;
}

/** In the order in which they build on each other, so that a fault is put down to the file that has it. */
const KINDS = [/^schemas\//, /^mappings\/values\//, /^systems\//, /^mappings\/[^/]+$/];

function settle(fresh: Files, before: Running | undefined, options: ConfigStoreOptions): Running {
  const used = new Map(fresh);
  const problems: Problem[] = [];
  let result = compileFiles(used, options.env);
  if (before) {
    for (const kind of KINDS) {
      let replaced = false;
      for (const file of new Set(result.problems.map((problem) => problem.file))) {
        const good = before.good.get(file);
        if (!kind.test(file) || good === undefined || good === used.get(file)) continue;
        problems.push(...result.problems.filter((problem) => problem.file === file));
        used.set(file, good);
        replaced = true;
      }
      if (replaced) result = compileFiles(used, options.env);
    }
    // A sound edit elsewhere may break a mapping that runs: then that edit waits.
    const broken = brokenMappings(before, fresh, result);
    if (broken.length > 0) {
      problems.push(...result.problems.filter((problem) => broken.some((mapping) => mapping.file === problem.file)));
      restore(broken, before, used);
      result = compileFiles(used, options.env);
    }
  }
  const good = new Map<string, string>();
  const faulty = new Set(result.problems.map((problem) => problem.file));
  for (const [file, text] of used) {
    const last = faulty.has(file) ? before?.good.get(file) : text;
    if (last !== undefined) good.set(file, last);
  }
  const reported = new Set<string>();
  const all = [...problems, ...result.problems].filter((problem) => {
    const line = formatProblem(problem);
    return reported.has(line) ? false : reported.add(line);
  });
  return { config: result.config, problems: all, files: used, good };
}

/** Mappings that ran, whose files are still there and have faults now. */
function brokenMappings(before: Running, fresh: Files, result: LoadResult): Mapping[] {
  const faulty = new Set(result.problems.map((problem) => problem.file));
  return [...before.config.mappings.values()].filter((mapping) => fresh.has(mapping.file) && faulty.has(mapping.file));
}

/** Puts back what the broken mappings build on: schemas, tables and systems, and the mappings that they refer to. */
function restore(broken: readonly Mapping[], before: Running, used: Map<string, string>): void {
  const [schemas, tables, systems] = KINDS;
  for (const [file, text] of before.good) {
    if (schemas!.test(file) || tables!.test(file) || systems!.test(file)) used.set(file, text);
  }
  for (const file of [...used.keys()]) {
    // A new file may be what stands in the way (a second system of the same name).
    if (systems!.test(file) && !before.good.has(file)) used.delete(file);
  }
  const open = broken.map((mapping) => mapping.name);
  const seen = new Set<string>();
  for (let name = open.pop(); name !== undefined; name = open.pop()) {
    if (seen.has(name)) continue;
    seen.add(name);
    const mapping = before.config.mappings.get(name);
    if (!mapping) continue;
    const text = before.files.get(mapping.file);
    if (text !== undefined) used.set(mapping.file, text);
    open.push(...mapping.parents);
  }
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

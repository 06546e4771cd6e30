/**
 * Threads in which the server tries what a reader sends: drafts of mappings and records. An expression may never end, and
 * may do so where nothing in JavaScript can interrupt it, so it is not evaluated on the event loop that answers requests.
 */
import type { Worker } from 'node:worker_threads';
import type { ConfigStore } from '../config/config-store.ts';
import { asTandemError, TandemError } from '../errors.ts';
import { parseJson, printJson } from '../json.ts';
import {
  type FromThread,
  fromWire,
  type Host,
  type Results,
  type Sources,
  type Task,
  type ToThread,
  toWire,
} from './protocol.ts';
import { startWorker } from './start-thread.ts';

export interface ThreadOptions {
  readonly config: Pick<ConfigStore, 'sources'>;
  /** Tasks at once; more are refused. Default 2. */
  readonly atOnce?: number | undefined;
  /** Milliseconds of computing after which a task is ended with its thread; default 10,000. Waiting for systems does not count. */
  readonly timeout?: number | undefined;
}

export interface Threads {
  /**
   * @param host what the task may ask; a draft asks nothing
   * @param signal ends the task
   * @throws TandemError RATE_LIMITED where too many run already; EXPRESSION_LIMIT where it took too long or too much memory
   */
  run<K extends Task['kind']>(
    work: Task & { kind: K },
    options?: { readonly host?: Host; readonly signal?: AbortSignal },
  ): Promise<Results[K]>;
  close(): Promise<void>;
}

const AT_ONCE = 2;
const TIMEOUT = 10_000;
/** For a thread to load its code and the configuration. */
const START = 60_000;
/** How long a thread is kept for the next task, in ms. */
const KEPT = 60_000;
/** Heap of one thread. */
const MEGABYTES = 128;

/**
 * A thread starts with the first task, has 128 MiB of heap, and ends a minute after its last one. A thread that was
 * started before an edit of the configuration gets no further task.
 */
export function createThreads({ config, atOnce = AT_ONCE, timeout = TIMEOUT }: ThreadOptions): Threads {
  const threads = new Set<Thread>();
  let busy = 0;
  let closed = false;

  /** One that waits and has what runs now; those that have not are ended. */
  const take = (): Thread => {
    const sources = config.sources();
    for (const thread of threads) {
      if (thread.busy) continue;
      if (thread.sources.files === sources.files && !thread.ended) return thread;
      void thread.end();
    }
    const thread = new Thread(sources, timeout, () => threads.delete(thread));
    threads.add(thread);
    return thread;
  };

  return {
    async run(work, { host, signal } = {}) {
      if (closed) throw new TandemError('UNAVAILABLE', 'The server is being stopped.');
      if (busy >= atOnce)
        throw new TandemError('RATE_LIMITED', `${atOnce} drafts and previews are being tried already.`, {
          retryAfter: 1_000,
        });
      busy++;
      try {
        return (await take().run(work, host, signal)) as Results[typeof work.kind];
      } finally {
        busy--;
      }
    },
    async close() {
      closed = true;
      await Promise.all([...threads].map((thread) => thread.end()));
    },
  };
}

class Thread {
  readonly sources: Sources;
  busy = false;
  ended = false;
  readonly #worker: Worker;
  readonly #timeout: number;
  readonly #gone: () => void;
  readonly #ready: Promise<void>;
  #task = 0;
  #idle: NodeJS.Timeout | undefined;
  /** Ends what waits for the thread. */
  #fail: (error: TandemError) => void = () => {};

  constructor(sources: Sources, timeout: number, gone: () => void) {
    this.sources = sources;
    this.#timeout = timeout;
    this.#gone = gone;
    this.#worker = startWorker(sources, MEGABYTES);
    this.#worker.unref();
    this.#worker.on('error', (error: NodeJS.ErrnoException) => void this.end(failure(error)));
    this.#worker.on('exit', () => void this.end(new TandemError('INTERNAL', 'A thread for drafts ended by itself.')));
    this.#ready = new Promise((resolve) => this.#worker.once('message', () => resolve()));
  }

  /** @param error what a running task fails with */
  async end(error = new TandemError('UNAVAILABLE', 'The server is being stopped.')): Promise<void> {
    if (!this.ended) {
      this.ended = true;
      clearTimeout(this.#idle);
      this.#gone();
      this.#fail(error);
    }
    await this.#worker.terminate();
  }

  async run(work: Task, host: Host | undefined, signal: AbortSignal | undefined): Promise<unknown> {
    this.busy = true;
    clearTimeout(this.#idle);
    const task = ++this.#task;
    const abort = (): void => void this.end(new TandemError('TIMEOUT', 'Nobody waits for the answer any more.'));
    const watch = stopwatch((error) => void this.end(error));
    try {
      return await new Promise((resolve, reject) => {
        this.#fail = reject;
        signal?.addEventListener('abort', abort);
        if (signal?.aborted) return abort();
        watch.start(START, new TandemError('UNAVAILABLE', 'A thread for drafts did not start in time.'));
        this.#worker.on('message', (message: FromThread) => {
          if (message.kind === 'ready' || message.task !== task) return;
          if (message.kind === 'done') resolve(JSON.parse(message.json));
          else if (message.kind === 'failed') reject(fromWire(message.error));
          else void this.#answer(message, host, watch);
        });
        void this.#ready.then(() => {
          watch.start(
            this.#timeout,
            new TandemError(
              'EXPRESSION_LIMIT',
              `It took more than ${this.#timeout / 1_000} s of computing, and was ended.`,
            ),
          );
          this.#send({ kind: 'task', task, work });
        });
      });
    } finally {
      watch.stop();
      signal?.removeEventListener('abort', abort);
      this.#worker.removeAllListeners('message');
      this.#fail = () => {};
      this.busy = false;
      this.#idle = setTimeout(() => void this.end(), KEPT);
      this.#idle.unref();
    }
  }

  /** Waiting for systems and Redis is not computing. */
  async #answer(
    { task, call, name, args }: FromThread & { kind: 'call' },
    host: Host | undefined,
    watch: Stopwatch,
  ): Promise<void> {
    watch.pause();
    const answer: ToThread = await (async () => {
      try {
        if (!host) throw new TandemError('EXPRESSION_FAILED', `$${name}(…) is not available here.`);
        const work = host[name] as (...args: unknown[]) => Promise<unknown>;
        const value = await work(...(parseJson(args) as unknown[]));
        return { kind: 'answer', task, call, ...(value === undefined ? {} : { json: printJson(value) }) };
      } catch (error) {
        return { kind: 'answer', task, call, error: toWire(asTandemError(error)) };
      }
    })();
    watch.resume();
    this.#send(answer);
  }

  #send(message: ToThread): void {
    this.#worker.postMessage(message);
  }
}

interface Stopwatch {
  start(ms: number, error: TandemError): void;
  pause(): void;
  resume(): void;
  stop(): void;
}

/** Calls back once it has run for so long. Several may have it paused. */
function stopwatch(late: (error: TandemError) => void): Stopwatch {
  let timer: NodeJS.Timeout | undefined;
  let left = 0;
  let began = 0;
  let paused = 0;
  let stopped = false;
  let error: TandemError;
  const run = (): void => {
    if (stopped) return;
    began = performance.now();
    timer = setTimeout(() => late(error), left);
  };
  return {
    start(ms, given) {
      clearTimeout(timer);
      [left, error] = [ms, given];
      run();
    },
    pause() {
      if (paused++ > 0) return;
      clearTimeout(timer);
      left -= performance.now() - began;
    },
    resume() {
      if (--paused === 0) run();
    },
    stop() {
      stopped = true;
      clearTimeout(timer);
    },
  };
}

function failure(error: NodeJS.ErrnoException): TandemError {
  if (error.code === 'ERR_WORKER_OUT_OF_MEMORY')
    return new TandemError('EXPRESSION_LIMIT', `It needed more than ${MEGABYTES} MiB of memory, and was ended.`);
  return asTandemError(error);
}

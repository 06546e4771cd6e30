/**
 * The circuit of one system in one process: once calls fail in a row, no more are made but one now and then, until one is
 * answered. It has two breakers, for a system may answer reads and take no writes: one for all calls, one for writes alone.
 * What a failure is, and why it is not left to a library: docs/decisions/0013-circuit.md. Does no I/O.
 */
import type { ErrorCode, TandemError } from '../errors.ts';
import { type Breaker, createBreaker, type Verdict } from './breaker.ts';
import { isNotSent } from './network.ts';

/** The state of a system, as far as one process has seen. */
export interface SystemStatus {
  /** How its last call went, if there was one; `down`: its calls pause; `read-only`: its writes do. */
  readonly state: 'unknown' | 'up' | 'failing' | 'read-only' | 'down';
  /** Epoch ms of the last call. */
  readonly at?: number;
  /** While calls pause: epoch ms since when, and when the next one may go. */
  readonly since?: number;
  readonly next?: number;
}

export interface CircuitOptions {
  /** Milliseconds of the first pause; doubled with each call that fails after it, up to `LONGEST_PAUSE`. Default 1,000. */
  readonly firstPause?: number | undefined;
  /** Called when calls begin to pause, and when they go on. */
  readonly onChange?: ((status: SystemStatus) => void) | undefined;
  /** Milliseconds of a clock that is never set. */
  readonly now?: () => number;
}

export interface Circuit extends Pick<Breaker, 'open' | 'retryAfter'> {
  readonly writes: Pick<Breaker, 'open' | 'retryAfter'>;
  /**
   * Before each call. Of those that come when a pause is over, the first goes and the others wait on.
   * @throws TandemError SYSTEM_DOWN with `retryAfter`
   */
  enter(effect: 'read' | 'write'): Passage;
  status(): SystemStatus;
}

export interface Passage {
  /**
   * How the call went; to be called once.
   * @param address what was asked for: failures of one address may be the fault of one record, and count once
   * @returns the error that the caller gets instead of its own, where such calls pause by now
   */
  ended(error: TandemError | undefined, address?: string): TandemError | undefined;
}

const FIRST_PAUSE = 1_000;
/** Nobody has tried to write for so long, in ms, since it may be tried: nothing waits for it, and nothing is known. */
const NOT_TRIED = 60_000;

export function createCircuit(system: string, options: CircuitOptions = {}): Circuit {
  const { firstPause = FIRST_PAUSE, onChange, now = () => performance.now() } = options;
  const changed = (): void => onChange?.(circuit.status());
  const breaker = (words: string): Breaker => createBreaker({ system, words, firstPause, now, onChange: changed });
  const calls = breaker(`${system} is down: its calls wait until it answers again`);
  const writes = breaker(`${system} takes no writes now: they wait until it does again`);
  let last: SystemStatus = { state: 'unknown' };

  const note = (verdict: Verdict, error: TandemError | undefined): void => {
    if (verdict === 'none') return;
    last = { state: verdict === 'good' && !refusesCredentials(error) ? 'up' : 'failing', at: Date.now() };
  };

  const circuit: Circuit = {
    get open() {
      return calls.open;
    },
    retryAfter: calls.retryAfter,
    writes,
    enter(effect) {
      const writing = effect === 'write';
      if (writing && writes.retryAfter() > 0) throw writes.down();
      const call = calls.enter();
      const write = writing ? writes.enter() : undefined;
      return {
        ended(error, address = '') {
          const verdict = verdictOf(error);
          note(verdict, error);
          // Whether it is down altogether, reads show.
          call(writing && verdict === 'failed' ? 'doubtful' : verdict, error, address);
          write?.(verdictOfWrite(verdict, error), error, address);
          if (calls.open) return calls.down(error);
          // A record that it cannot cope with, and nothing else to write: nobody would ever count its tries.
          return writing && writes.open && !isOfRecord(error) ? writes.down(error) : undefined;
        },
      };
    },
    status() {
      if (calls.open) return { ...last, ...pauseOf(calls), state: 'down' };
      if (writes.open && writes.over() < NOT_TRIED) return { ...last, ...pauseOf(writes), state: 'read-only' };
      return last;
    },
  };
  return circuit;
}

const pauseOf = (breaker: Breaker): Pick<SystemStatus, 'since' | 'next'> => ({
  since: breaker.since,
  next: Date.now() + breaker.retryAfter(),
});

function verdictOf(error: TandemError | undefined): Exclude<Verdict, 'doubtful'> {
  if (error === undefined) return 'good';
  const { status, cause } = error.context;
  if (status !== undefined) return status >= 500 ? 'failed' : 'good';
  if (!FAILED.has(error.code)) return 'none';
  return isNotSent(cause) ? 'not-sent' : 'failed';
}

/**
 * What the end of a write shows of writes. A 500 is what systems answer for a record that they cannot cope with; there may be
 * many of these, and nothing else to write for a while. That it cannot be reached concerns all calls. A 429 comes
 * before anybody has tried to write.
 */
function verdictOfWrite(verdict: Verdict, error: TandemError | undefined): Verdict {
  if (verdict === 'not-sent' || isOfRecord(error)) return 'doubtful';
  return error?.context.status === 429 ? 'none' : verdict;
}

const isOfRecord = (error: TandemError | undefined): boolean => error?.context.status === 500;

const FAILED = new Set<ErrorCode>([
  'SYSTEM_UNREACHABLE',
  'SYSTEM_UNAVAILABLE',
  'SYSTEM_BAD_RESPONSE',
  'OUTCOME_UNKNOWN',
]);

const refusesCredentials = (error: TandemError | undefined): boolean =>
  error?.context.status === 401 || error?.context.status === 403;

/** A circuit breaker for calls of one kind: which of them may go while a system fails, and when the next one may. Does no I/O. */
import { TandemError } from '../errors.ts';
import { jittered } from '../timing.ts';

/**
 * What the end of a call shows of the system. `not-sent`: nothing could be sent, which is the fault of no record.
 * `failed`: it was sent, and no good response came. `doubtful`: so too, and it is not known whether the system is to blame.
 * `none`: the system was not asked at all.
 */
export type Verdict = 'good' | 'not-sent' | 'failed' | 'doubtful' | 'none';

export interface Breaker {
  /** Calls pause. */
  readonly open: boolean;
  /** Milliseconds until the next call may go; 0 where one may go now. */
  retryAfter(): number;
  /** When open: since when in epoch ms, and for how many ms the next call might have gone already. */
  readonly since: number;
  over(): number;
  /** Before a call. @returns to be called once with how it went. @throws TandemError SYSTEM_DOWN with `retryAfter` */
  enter(): (verdict: Verdict, error: TandemError | undefined, address: string) => void;
  down(cause?: unknown): TandemError;
  /** Opens it at once: it is known that no call would do. */
  trip(error: TandemError): void;
  /** Why the last call failed. */
  readonly trouble: TandemError | undefined;
}

export interface BreakerOptions {
  readonly system: string;
  /** Why a call is not made. @param trouble why the last one failed */
  readonly words: (trouble: TandemError | undefined) => string;
  /** Milliseconds of the first pause; doubled with each call that fails after it, up to `LONGEST_PAUSE`. */
  readonly firstPause: number;
  /** Milliseconds of a clock that is never set. */
  readonly now: () => number;
  /** Called when calls begin to pause, and when they go on. */
  readonly onChange: () => void;
}

/** Failures in a row after which calls pause. */
const FAILURES = 4;
/**
 * A system that answers after a pause, and then fails again at addresses, may have that many bad records: each time more of
 * them are needed, or all records of the system would wait for these, which would never be given up.
 */
const MORE = 4;
const MOST = 1_024;
export const LONGEST_PAUSE = 30_000;
/** Down again within this time after it came back, in ms: it never was back, and the pauses go on growing. */
const RELAPSE = 60_000;

// Over 60 lines: a factory. What it returns are short functions that share one state.
export function createBreaker({ system, words, firstPause, now, onChange }: BreakerOptions): Breaker {
  /** In a row: addresses that failed, calls of which nothing was sent. */
  let failures = new Set<string>();
  let notSent = 0;
  let needed = FAILURES;
  let open = false;
  let pauses = 0;
  let until = 0;
  let closedAt = Number.NEGATIVE_INFINITY;
  let trouble: TandemError | undefined;
  let since = 0;

  const pause = (): void => {
    until = now() + Math.min(firstPause * 2 ** Math.min(pauses, 30), LONGEST_PAUSE);
  };

  function fail(address: string | undefined): void {
    if (open) return;
    if (address === undefined) notSent += 1;
    else failures.add(address);
    if (now() - closedAt >= RELAPSE) needed = FAILURES;
    if (notSent < FAILURES && notSent + failures.size < needed) return;
    if (notSent < FAILURES) needed = Math.min(needed * MORE, MOST);
    stop();
  }

  function stop(): void {
    open = true;
    since = Date.now();
    pauses = now() - closedAt < RELAPSE ? pauses + 1 : 0;
    pause();
    onChange();
  }

  function succeed(): void {
    failures = new Set();
    notSent = 0;
    if (!open) return;
    open = false;
    closedAt = now();
    onChange();
  }

  const breaker: Breaker = {
    get open() {
      return open;
    },
    get since() {
      return since;
    },
    retryAfter: () => (open ? Math.max(0, Math.ceil(until - now())) : 0),
    over: () => Math.max(0, now() - until),
    enter() {
      const trial = open;
      if (trial) {
        if (breaker.retryAfter() > 0) throw breaker.down();
        // Whatever becomes of this one, even if nothing does: the next one goes after the next pause.
        pauses += 1;
        pause();
      }
      return (verdict, error, address) => {
        if (verdict === 'none') {
          // Nothing is known of the system: the next one may try at once.
          if (trial && open) until = now();
          return;
        }
        if (verdict === 'good') succeed();
        else {
          trouble = error;
          if (verdict !== 'doubtful') fail(verdict === 'not-sent' ? undefined : address);
        }
        if (trial && open) pause();
      };
    },
    get trouble() {
      return trouble;
    },
    trip(error) {
      trouble = error;
      if (!open) stop();
    },
    down: (cause = trouble) =>
      new TandemError('SYSTEM_DOWN', words(trouble), {
        system,
        retryAfter: jittered(breaker.retryAfter()),
        ...(cause === undefined ? {} : { cause }),
      }),
  };
  return breaker;
}

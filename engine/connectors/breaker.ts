/** A circuit breaker for calls of one kind: which of them may go while a system fails, and when the next one may. Does no I/O. */
import { TandemError } from '../errors.ts';
import { jittered } from '../timing.ts';

/**
 * What the end of a call shows of the system. `not-sent`: nothing could be sent, which is the fault of no record.
 * `failed`: it was sent, and no good response came. `doubtful`: so too, and it is not known whether the system is to blame.
 * `none`: the system was not asked at all.
 */
export type CallVerdict = 'good' | 'not-sent' | 'failed' | 'doubtful' | 'none';

export interface Breaker {
  /** Calls pause. */
  readonly open: boolean;
  /** Milliseconds until the next call may go; 0 where one may go now. */
  retryAfter(): number;
  /** When open: since when in epoch ms, and for how many ms the next call might have gone already. */
  readonly since: number;
  over(): number;
  /** Before a call. @returns to be called once with how it went. @throws TandemError SYSTEM_DOWN with `retryAfter` */
  enter(): (verdict: CallVerdict, error: TandemError | undefined, address: string) => void;
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

interface State extends BreakerOptions {
  /** In a row: addresses that failed, calls of which nothing was sent. */
  failures: Set<string>;
  notSent: number;
  needed: number;
  open: boolean;
  pauses: number;
  until: number;
  closedAt: number;
  trouble: TandemError | undefined;
  since: number;
}

export function createBreaker(options: BreakerOptions): Breaker {
  const state: State = {
    ...options,
    failures: new Set(),
    notSent: 0,
    needed: FAILURES,
    open: false,
    pauses: 0,
    until: 0,
    closedAt: Number.NEGATIVE_INFINITY,
    trouble: undefined,
    since: 0,
  };
  return {
    get open() {
      return state.open;
    },
    get since() {
      return state.since;
    },
    get trouble() {
      return state.trouble;
    },
    retryAfter: () => retryAfter(state),
    over: () => Math.max(0, state.now() - state.until),
    enter: () => enter(state),
    trip(error) {
      state.trouble = error;
      if (!state.open) stop(state);
    },
    down: (cause) => down(state, cause),
  };
}

const retryAfter = ({ open, until, now }: State): number => (open ? Math.max(0, Math.ceil(until - now())) : 0);

const down = (state: State, cause: unknown = state.trouble): TandemError =>
  new TandemError('SYSTEM_DOWN', state.words(state.trouble), {
    system: state.system,
    retryAfter: jittered(retryAfter(state)),
    ...(cause === undefined ? {} : { cause }),
  });

function enter(state: State): ReturnType<Breaker['enter']> {
  const trial = state.open;
  if (trial) {
    if (retryAfter(state) > 0) throw down(state);
    // Whatever becomes of this one, even if nothing does: the next one goes after the next pause.
    state.pauses += 1;
    pause(state);
  }
  return (verdict, error, address) => {
    if (verdict === 'none') {
      // Nothing is known of the system: the next one may try at once.
      if (trial && state.open) state.until = state.now();
      return;
    }
    if (verdict === 'good') succeed(state);
    else {
      state.trouble = error;
      if (verdict !== 'doubtful') fail(state, verdict === 'not-sent' ? undefined : address);
    }
    if (trial && state.open) pause(state);
  };
}

function pause(state: State): void {
  state.until = state.now() + Math.min(state.firstPause * 2 ** Math.min(state.pauses, 30), LONGEST_PAUSE);
}

function fail(state: State, address: string | undefined): void {
  if (state.open) return;
  if (address === undefined) state.notSent += 1;
  else state.failures.add(address);
  if (state.now() - state.closedAt >= RELAPSE) state.needed = FAILURES;
  if (state.notSent < FAILURES && state.notSent + state.failures.size < state.needed) return;
  if (state.notSent < FAILURES) state.needed = Math.min(state.needed * MORE, MOST);
  stop(state);
}

function stop(state: State): void {
  state.open = true;
  state.since = Date.now();
  state.pauses = state.now() - state.closedAt < RELAPSE ? state.pauses + 1 : 0;
  pause(state);
  state.onChange();
}

function succeed(state: State): void {
  state.failures = new Set();
  state.notSent = 0;
  if (!state.open) return;
  state.open = false;
  state.closedAt = state.now();
  state.onChange();
}

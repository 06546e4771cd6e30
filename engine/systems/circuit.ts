/**
 * The circuit of one system in one process: once calls fail in a row, no more are made but one now and then, until one is
 * answered. What a failure is, and why it is not left to a library: docs/decisions/0013-circuit.md. Does no I/O.
 */
import { type ErrorCode, TandemError } from '../errors.ts';
import { isUnsent } from './answer.ts';
import { jittered } from './wait.ts';

/** How a system stands, as far as one process has seen. */
export interface Standing {
  /** How its last call went, if there was one; `down`: its calls rest. */
  readonly state: 'unknown' | 'up' | 'failing' | 'down';
  /** Epoch ms of the last call. */
  readonly at?: number;
  /** While it is down: epoch ms since when, and when it is tried next. */
  readonly since?: number;
  readonly next?: number;
}

export interface CircuitOptions {
  /** Milliseconds of the first rest; doubled with each call that fails after it, up to `LONGEST_REST`. Default 1,000. */
  readonly firstRest?: number | undefined;
  /** Told when calls begin to rest, and when they go again. */
  readonly onChange?: ((standing: Standing) => void) | undefined;
  /** Milliseconds of a clock that is never set. */
  readonly now?: () => number;
}

export interface Circuit {
  readonly open: boolean;
  /** Milliseconds until the next call may go; 0 where one may go now. */
  rest(): number;
  /**
   * Before each call. Of those that come when a rest is over, the first goes and the others rest on.
   * @throws TandemError SYSTEM_DOWN with `retryAfter`
   */
  enter(): Passage;
  /** The error of a call that is not made, or after which calls rest. */
  down(cause?: unknown): TandemError;
  standing(): Standing;
}

export interface Passage {
  /**
   * How the call went; to be told once.
   * @param address what was asked for: failures of one address may be the fault of one record, and count once
   */
  ended(address: string, error: TandemError | undefined): void;
}

/** Failures in a row after which calls rest. */
const FAILURES = 4;
/**
 * A system that answers after a rest, and then fails again at addresses, may have that many bad records: each time more of
 * them are needed, or all records of the system would wait for these, which would never be given up.
 */
const MORE = 4;
const MOST = 1_024;
const FIRST_REST = 1_000;
export const LONGEST_REST = 30_000;
/** Down again within this time after it came back, in ms: it never was back, and the rests go on growing. */
const RELAPSE = 60_000;

export function createCircuit(system: string, options: CircuitOptions = {}): Circuit {
  const { firstRest = FIRST_REST, onChange, now = () => performance.now() } = options;
  /** In a row: addresses that failed, calls that reached nobody. */
  let failures = new Set<string>();
  let unreached = 0;
  let needed = FAILURES;
  let open = false;
  let rests = 0;
  let until = 0;
  let closedAt = Number.NEGATIVE_INFINITY;
  let last: Standing = { state: 'unknown' };
  /** Of the last call that failed. */
  let trouble: unknown;
  let since = 0;

  const restFor = (ms: number): void => {
    until = now() + ms;
  };
  const length = (): number => Math.min(firstRest * 2 ** Math.min(rests, 30), LONGEST_REST);

  function fail(address: string | undefined): void {
    if (open) return;
    if (address === undefined) unreached += 1;
    else failures.add(address);
    if (now() - closedAt >= RELAPSE) needed = FAILURES;
    if (unreached < FAILURES && unreached + failures.size < needed) return;
    if (unreached < FAILURES) needed = Math.min(needed * MORE, MOST);
    open = true;
    since = Date.now();
    rests = now() - closedAt < RELAPSE ? rests + 1 : 0;
    restFor(length());
    onChange?.(circuit.standing());
  }

  function succeed(): void {
    failures = new Set();
    unreached = 0;
    if (!open) return;
    open = false;
    closedAt = now();
    onChange?.(circuit.standing());
  }

  const circuit: Circuit = {
    get open() {
      return open;
    },
    rest: () => (open ? Math.max(0, Math.ceil(until - now())) : 0),
    enter() {
      const trial = open;
      if (trial) {
        if (circuit.rest() > 0) throw circuit.down();
        // Whatever becomes of this one, even if nothing does: the next one goes after the next rest.
        rests += 1;
        restFor(length());
      }
      return {
        ended(address, error) {
          const word = wordOf(error);
          if (word === 'none') {
            // Nothing is known of the system: the next one may try at once.
            if (trial && open) until = now();
            return;
          }
          last = { state: word === 'good' && !refusesCredentials(error) ? 'up' : 'failing', at: Date.now() };
          if (word === 'good') succeed();
          else {
            trouble = error;
            fail(word === 'unreached' ? undefined : address);
          }
          if (trial && open) restFor(length());
        },
      };
    },
    down: (cause = trouble) =>
      new TandemError('SYSTEM_DOWN', `${system} is down: its calls wait until it answers again`, {
        system,
        retryAfter: jittered(circuit.rest()),
        ...(cause === undefined ? {} : { cause }),
      }),
    standing: () => (open ? { ...last, state: 'down', since, next: Date.now() + circuit.rest() } : last),
  };
  return circuit;
}

/**
 * What the end of a call tells of the system. `unreached`: nothing could be sent, which is the fault of no record.
 * `failed`: it was sent, and no good answer came. `none`: the system was not asked at all.
 */
function wordOf(error: TandemError | undefined): 'good' | 'unreached' | 'failed' | 'none' {
  if (error === undefined) return 'good';
  const { status, cause } = error.context;
  if (status !== undefined) return status >= 500 ? 'failed' : 'good';
  if (!FAILED.has(error.code)) return 'none';
  return isUnsent(cause) ? 'unreached' : 'failed';
}

const FAILED = new Set<ErrorCode>(['SYSTEM_UNREACHABLE', 'SYSTEM_UNAVAILABLE', 'SYSTEM_ANSWER', 'OUTCOME_UNKNOWN']);

const refusesCredentials = (error: TandemError | undefined): boolean =>
  error?.context.status === 401 || error?.context.status === 403;

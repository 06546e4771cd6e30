/**
 * The circuit of one system in one process: once calls fail in a row, no more are made but one now and then, until one is
 * answered. It has two lanes, for a system may answer reads and take no writes: one for all calls, one for writes alone.
 * What a failure is, and why it is not left to a library: docs/decisions/0013-circuit.md. Does no I/O.
 */
import { type ErrorCode, TandemError } from '../errors.ts';
import { isUnsent } from './http/response.ts';
import { jittered } from './semaphore.ts';

/** How a system stands, as far as one process has seen. */
export interface Standing {
  /** How its last call went, if there was one; `down`: its calls rest; `read-only`: its writes do. */
  readonly state: 'unknown' | 'up' | 'failing' | 'read-only' | 'down';
  /** Epoch ms of the last call. */
  readonly at?: number;
  /** While calls rest: epoch ms since when, and when the next one may go. */
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

interface Rests {
  readonly open: boolean;
  /** Milliseconds until the next call may go; 0 where one may go now. */
  rest(): number;
}

export interface Circuit extends Rests {
  readonly writes: Rests;
  /**
   * Before each call. Of those that come when a rest is over, the first goes and the others rest on.
   * @throws TandemError SYSTEM_DOWN with `retryAfter`
   */
  enter(effect: 'read' | 'write'): Passage;
  standing(): Standing;
}

export interface Passage {
  /**
   * How the call went; to be told once.
   * @param address what was asked for: failures of one address may be the fault of one record, and count once
   * @returns what whoever asked is told instead of its error, where such calls rest by now
   */
  ended(address: string, error: TandemError | undefined): TandemError | undefined;
}

interface Lane extends Rests {
  /** When open: since when in epoch ms, and how long the rest has been over, in ms. */
  readonly since: number;
  over(): number;
  /** @returns to be told how the call went */
  enter(): (word: Word, address: string, error: TandemError | undefined) => void;
  down(cause?: unknown): TandemError;
}

/**
 * What the end of a call tells of the system. `unreached`: nothing could be sent, which is the fault of no record.
 * `failed`: it was sent, and no good answer came. `doubtful`: so too, and it is not known whether the system is to blame.
 * `none`: the system was not asked at all.
 */
type Word = 'good' | 'unreached' | 'failed' | 'doubtful' | 'none';

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

/** Nobody has tried to write for so long, in ms, since it may be tried: nothing waits for it, and nothing is known. */
const UNTRIED = 60_000;

export function createCircuit(system: string, options: CircuitOptions = {}): Circuit {
  const { firstRest = FIRST_REST, onChange, now = () => performance.now() } = options;
  const told = (): void => onChange?.(circuit.standing());
  const lane = (words: string): Lane => createLane({ system, words, firstRest, now, onChange: told });
  const calls = lane(`${system} is down: its calls wait until it answers again`);
  const writes = lane(`${system} takes no writes now: they wait until it does again`);
  let last: Standing = { state: 'unknown' };

  const note = (word: Word, error: TandemError | undefined): void => {
    if (word === 'none') return;
    last = { state: word === 'good' && !refusesCredentials(error) ? 'up' : 'failing', at: Date.now() };
  };

  const circuit: Circuit = {
    get open() {
      return calls.open;
    },
    rest: calls.rest,
    writes,
    enter(effect) {
      const writing = effect === 'write';
      if (writing && writes.rest() > 0) throw writes.down();
      const call = calls.enter();
      const write = writing ? writes.enter() : undefined;
      return {
        ended(address, error) {
          const word = wordOf(error);
          note(word, error);
          // Whether it is down altogether, reads tell.
          call(writing && word === 'failed' ? 'doubtful' : word, address, error);
          write?.(wordOfWrite(word, error), address, error);
          if (calls.open) return calls.down(error);
          // A record that it cannot cope with, and nothing else to write: nobody would ever count its tries.
          return writing && writes.open && !isOfRecord(error) ? writes.down(error) : undefined;
        },
      };
    },
    standing() {
      if (calls.open) return { ...last, ...restOf(calls), state: 'down' };
      if (writes.open && writes.over() < UNTRIED) return { ...last, ...restOf(writes), state: 'read-only' };
      return last;
    },
  };
  return circuit;
}

const restOf = (lane: Lane): Pick<Standing, 'since' | 'next'> => ({
  since: lane.since,
  next: Date.now() + lane.rest(),
});

interface LaneOptions extends Required<Omit<CircuitOptions, 'firstRest' | 'onChange'>> {
  readonly system: string;
  /** Why a call is not made. */
  readonly words: string;
  readonly firstRest: number;
  readonly onChange: () => void;
}

function createLane({ system, words, firstRest, now, onChange }: LaneOptions): Lane {
  /** In a row: addresses that failed, calls that reached nobody. */
  let failures = new Set<string>();
  let unreached = 0;
  let needed = FAILURES;
  let open = false;
  let rests = 0;
  let until = 0;
  let closedAt = Number.NEGATIVE_INFINITY;
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
    onChange();
  }

  function succeed(): void {
    failures = new Set();
    unreached = 0;
    if (!open) return;
    open = false;
    closedAt = now();
    onChange();
  }

  const lane: Lane = {
    get open() {
      return open;
    },
    get since() {
      return since;
    },
    rest: () => (open ? Math.max(0, Math.ceil(until - now())) : 0),
    over: () => Math.max(0, now() - until),
    enter() {
      const trial = open;
      if (trial) {
        if (lane.rest() > 0) throw lane.down();
        // Whatever becomes of this one, even if nothing does: the next one goes after the next rest.
        rests += 1;
        restFor(length());
      }
      return (word, address, error) => {
        if (word === 'none') {
          // Nothing is known of the system: the next one may try at once.
          if (trial && open) until = now();
          return;
        }
        if (word === 'good') succeed();
        else {
          trouble = error;
          if (word !== 'doubtful') fail(word === 'unreached' ? undefined : address);
        }
        if (trial && open) restFor(length());
      };
    },
    down: (cause = trouble) =>
      new TandemError('SYSTEM_DOWN', words, {
        system,
        retryAfter: jittered(lane.rest()),
        ...(cause === undefined ? {} : { cause }),
      }),
  };
  return lane;
}

function wordOf(error: TandemError | undefined): Exclude<Word, 'doubtful'> {
  if (error === undefined) return 'good';
  const { status, cause } = error.context;
  if (status !== undefined) return status >= 500 ? 'failed' : 'good';
  if (!FAILED.has(error.code)) return 'none';
  return isUnsent(cause) ? 'unreached' : 'failed';
}

/**
 * What the end of a write tells of writes. A 500 is what systems answer for a record that they cannot cope with; there may be
 * many of these, and nothing else to write for a while. That it cannot be reached concerns all calls. A 429 comes
 * before anybody has tried to write.
 */
function wordOfWrite(word: Word, error: TandemError | undefined): Word {
  if (word === 'unreached' || isOfRecord(error)) return 'doubtful';
  return error?.context.status === 429 ? 'none' : word;
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

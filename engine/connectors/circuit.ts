/**
 * The circuit of one system in one process: once calls fail in a row, no more are made but one now and then, until one is
 * answered. It has two breakers, for a system may answer reads and take no writes: one for all calls, one for writes alone.
 * What a failure is, and why it is not left to a library: docs/decisions/0013-circuit.md. Does no I/O.
 */
import type { ErrorCode, TandemError } from '../errors.ts';
import { type Breaker, type CallVerdict, createBreaker } from './breaker.ts';
import { isNotSent } from './network.ts';

/** How the last call of a system went, or why its calls wait. */
export const SYSTEM_STATES = {
  up: 'the last call was answered',
  failing: 'the last call failed',
  'read-only': 'its writes wait, reads are answered',
  down: 'its calls wait; one now and then tries it',
  unauthorized: 'so too, for it refuses the credentials',
  refusing: 'so too, for it refuses everything',
  unknown: 'it was not called yet',
} as const;

/** The state of a system, as far as one process has seen. */
export interface SystemStatus {
  /**
   * How its last call went, if there was one. Calls pause where it is `down`, refuses the credentials (`unauthorized`) or
   * refuses everything (`refusing`); only writes pause where it is `read-only`.
   */
  readonly state: keyof typeof SYSTEM_STATES;
  /** Epoch ms of the last call. */
  readonly at?: number;
  /** While calls pause: epoch ms since when, and when the next one may go. */
  readonly since?: number;
  readonly next?: number;
  /** While calls pause: why, in plain words. */
  readonly reason?: string;
}

/** Whether no call is made but one now and then. */
export const callsPause = ({ state }: Pick<SystemStatus, 'state'>): boolean =>
  state === 'down' || state === 'unauthorized' || state === 'refusing';

export interface CircuitOptions {
  /** Names of the environment variables that hold the credentials. */
  readonly credentials?: readonly string[];
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
  /** Everything is refused, as a check shows: calls pause. @returns the error for the caller */
  refuse(error: TandemError): TandemError;
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
  const breaker = (words: (trouble: TandemError | undefined) => string): Breaker =>
    createBreaker({ system, words, firstPause, now, onChange: changed });
  const calls = breaker((trouble) => {
    const state = stateOf(trouble);
    if (state === 'unauthorized')
      return `${system} refuses the credentials${hint(options.credentials)}: its calls wait`;
    if (state === 'refusing')
      return `${system} refuses every call (${trouble?.context.status}): they wait until it takes them again`;
    return `${system} is down: its calls wait until it answers again`;
  });
  const writes = breaker(() => `${system} takes no writes now: they wait until it does again`);
  let last: SystemStatus = { state: 'unknown' };

  const note = (verdict: CallVerdict): void => {
    if (verdict === 'none') return;
    last = { state: verdict === 'good' ? 'up' : 'failing', at: Date.now() };
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
          note(verdict);
          // Whether it is down altogether, reads show.
          call(writing && verdict === 'failed' ? 'doubtful' : verdict, error, address);
          write?.(verdictOfWrite(verdict, error), error, address);
          if (calls.open) return calls.down(error);
          // A record that it cannot cope with, and nothing else to write: nobody would ever count its tries.
          return writing && writes.open && !isOfRecord(error) && !(error && REFUSED.has(error.code))
            ? writes.down(error)
            : undefined;
        },
      };
    },
    refuse(error) {
      calls.trip(error);
      return calls.down(error);
    },
    status() {
      if (calls.open) return { ...last, ...pauseOf(calls), state: stateOf(calls.trouble) };
      if (writes.open && writes.over() < NOT_TRIED) return { ...last, ...pauseOf(writes), state: 'read-only' };
      return last;
    },
  };
  return circuit;
}

const pauseOf = (breaker: Breaker): Pick<SystemStatus, 'since' | 'next' | 'reason'> => ({
  since: breaker.since,
  next: Date.now() + breaker.retryAfter(),
  reason: breaker.down().message,
});

const stateOf = (trouble: TandemError | undefined): 'down' | 'unauthorized' | 'refusing' =>
  trouble?.code === 'SYSTEM_AUTH' ? 'unauthorized' : trouble?.code === 'SYSTEM_REFUSED' ? 'refusing' : 'down';

const hint = (names: readonly string[] = []): string => (names.length === 0 ? '' : `, check ${names.join(' and ')}`);

function verdictOf(error: TandemError | undefined): CallVerdict {
  if (error === undefined) return 'good';
  // It is there, and whether it refuses one record or everything, a check shows.
  if (REFUSED.has(error.code)) return 'doubtful';
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
function verdictOfWrite(verdict: CallVerdict, error: TandemError | undefined): CallVerdict {
  if (verdict === 'not-sent' || isOfRecord(error)) return 'doubtful';
  if (error?.code === 'SYSTEM_REFUSED') return 'failed';
  return error?.context.status === 429 ? 'none' : verdict;
}

/** Statuses that may be about one record, of which there may be many: a duplicate, one that is too large. */
const OF_RECORD = new Set([409, 413, 500]);
const isOfRecord = ({ context: { status = 0 } = {} }: Partial<TandemError> = {}): boolean => OF_RECORD.has(status);

/** What a system answers when it refuses a call, and may take it another time. */
export const REFUSED: ReadonlySet<ErrorCode> = new Set(['SYSTEM_AUTH', 'SYSTEM_REFUSED']);

const FAILED = new Set<ErrorCode>([
  'SYSTEM_UNREACHABLE',
  'SYSTEM_UNAVAILABLE',
  'SYSTEM_BAD_RESPONSE',
  'OUTCOME_UNKNOWN',
]);

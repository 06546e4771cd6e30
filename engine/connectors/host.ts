/**
 * What every call to a system passes, whatever the kind of its connector: the circuit, tries in place, a slot, the limits, measures
 * and traces.
 */
import type { Redis } from 'ioredis';
import type { SystemConfig } from '../config/types.ts';
import { asTandemError, type ErrorCode, TandemError } from '../errors.ts';
import { jittered, sleep } from '../timing.ts';
import type { Tracing } from '../tracing.ts';
import { type Circuit, createCircuit, type SystemStatus } from './circuit.ts';
import { createSystemClock } from './clock.ts';
import type { Called, ConnectorHost, Effect, Operation, SystemCall, Turn } from './connector.ts';
import { createLimiter, type Limiter } from './limiter.ts';
import { createSemaphore, type Semaphore } from './semaphore.ts';

/** What was called and how it went, for metrics and logs; never a value. */
export interface CallInfo {
  readonly system: string;
  readonly entity: string;
  readonly operation: Operation;
  /** undefined where no response came. */
  readonly status: number | undefined;
  /** Milliseconds, waiting included. */
  readonly ms: number;
  readonly error: ErrorCode | undefined;
  /** How many calls the system says are left, where it says so. */
  readonly quotaLeft: number | undefined;
}

export interface SystemDeps {
  readonly redis: Redis;
  /** First part of every Redis key, without a colon at its end. */
  readonly prefix: string;
  /** TANDEM_ENCRYPTION_KEY: needed by systems with OAuth2. `new,old` while the key is being changed. */
  readonly encryptionKey?: string | undefined;
  readonly onCall?: ((call: CallInfo) => void) | undefined;
  readonly tracing?: Tracing | undefined;
  /** Epoch milliseconds. */
  readonly now?: (() => number) | undefined;
  /** Milliseconds before the first try again in place; doubled with each further one. */
  readonly retryDelay?: number | undefined;
  /** That of another client of the same system in this process; without it, one of its own. */
  readonly circuit?: Circuit | undefined;
  /** false: a refusal stays what it is, without a check whether everything is refused. */
  readonly checkRefusals?: boolean;
  /** Called when the clock of a system is more than a minute off, and when it is right again; ms by which it is ahead. */
  readonly onClock?: ((system: string, ahead: number) => void) | undefined;
  /** Called when the calls of a system pause because it is down, and when they go on. */
  readonly onCircuit?: ((system: string, status: SystemStatus) => void) | undefined;
}

export interface SystemHost extends ConnectorHost {
  readonly circuit: Circuit;
  /** Nothing is tried again, and nobody waits any more. */
  close(): void;
}

const TRIES = 4;
const FIRST_DELAY = 200;
const LONGEST_DELAY = 2_000;
/** The first pause of a system that is down is this many times the first delay. */
const FIRST_PAUSE = 5;

/** What the calls of one client share. */
interface Calls {
  readonly config: SystemConfig;
  readonly deps: SystemDeps;
  readonly circuit: Circuit;
  readonly slots: Semaphore;
  readonly limiter: Limiter;
  /** Milliseconds before the first try again in place. */
  readonly retryDelay: number;
  closed: boolean;
}

export function createHost(config: SystemConfig, deps: SystemDeps): SystemHost {
  const system = config.name;
  const retryDelay = deps.retryDelay ?? FIRST_DELAY;
  const slots = createSemaphore(config.concurrency);
  const limiter = createLimiter({ redis: deps.redis, prefix: deps.prefix, system, limits: config.limits });
  const circuit =
    deps.circuit ??
    createCircuit(system, {
      firstPause: retryDelay * FIRST_PAUSE,
      credentials: config.credentials,
      onChange: (status) => deps.onCircuit?.(system, status),
    });
  const calls: Calls = { config, deps, circuit, slots, limiter, retryDelay, closed: false };
  return {
    call: (asked, work) => call(calls, asked, work),
    pause: (ms) => limiter.pause(ms),
    circuit,
    clock: createSystemClock(deps.redis, `${deps.prefix}:{${system}}:clock`, (ahead) => deps.onClock?.(system, ahead)),
    redis: deps.redis,
    prefix: deps.prefix,
    encryptionKey: deps.encryptionKey,
    now: deps.now ?? Date.now,
    close() {
      calls.closed = true;
      limiter.close();
    },
  };
}

/** Tries again in place what may be tried again at once. */
async function call<T>(calls: Calls, asked: SystemCall, work: (turn: Turn) => Promise<Called<T>>): Promise<T> {
  const { config, retryDelay } = calls;
  const effect = asked.effect ?? effectOf(asked.operation);
  const begun = performance.now();
  for (let attempt = 1; ; attempt++) {
    try {
      return await guarded(calls, asked, work);
    } catch (error) {
      const code = error instanceof TandemError ? error.code : undefined;
      const again =
        code === 'SYSTEM_UNREACHABLE' ||
        (effect === 'read' && (code === 'SYSTEM_UNAVAILABLE' || code === 'SYSTEM_BAD_RESPONSE'));
      // A reconcile comes back by itself; a list would have to begin again, so it alone sits a timeout out.
      const late = asked.operation !== 'list' && performance.now() - begun >= config.timeout;
      const final = notAgain.has(error as object) || late || calls.closed || asked.once || asked.signal?.aborted;
      if (!again || final || attempt >= TRIES) throw error;
      await sleep(Math.min(jittered(retryDelay * 2 ** (attempt - 1)), LONGEST_DELAY), asked.signal);
    }
  }
}

/** Only while the circuit lets calls through, which learns how it went. */
async function guarded<T>(calls: Calls, asked: SystemCall, work: (turn: Turn) => Promise<Called<T>>): Promise<T> {
  // Hooks are no records: that they cannot be registered says nothing of these.
  const passage = calls.circuit.enter(effectOf(asked.operation) === 'read' ? 'read' : 'write');
  try {
    const value = await measured(calls, asked, work);
    passage.ended(undefined);
    return value;
  } catch (cause) {
    const error = asTandemError(cause);
    const down = passage.ended(calls.closed || asked.signal?.aborted ? ABANDONED : error, asked.address());
    // It counts as no failed attempt of the caller: the fault is not its own. Whether something was created must be known.
    if (down && OUTAGE.has(error.code)) throw down;
    if (down && error.code === 'OUTCOME_UNKNOWN')
      throw new TandemError(error.code, error.message, {
        ...error.context,
        retryAfter: down.context.retryAfter ?? 0,
        paused: true,
      });
    throw cause;
  }
}

/** With a span of its trace, and reported to who measures. */
async function measured<T>(calls: Calls, asked: SystemCall, work: (turn: Turn) => Promise<Called<T>>): Promise<T> {
  const { deps } = calls;
  const system = calls.config.name;
  const { entity, operation } = asked;
  const begun = performance.now();
  const span = deps.tracing?.begin('client', asked.span.name, {
    ...asked.span.attributes,
    'tandem.system': system,
    'tandem.entity': entity,
    'tandem.operation': operation,
  });
  const report = (status: number | undefined, error?: ErrorCode, quotaLeft?: number): void => {
    span?.end({ 'http.response.status_code': status }, error);
    deps.onCall?.({ system, entity, operation, status, ms: performance.now() - begun, error, quotaLeft });
  };
  try {
    const { value, status, quotaLeft } = await work((exchange) => turn(calls, asked, exchange));
    report(status, undefined, quotaLeft);
    return value;
  } catch (error) {
    if (asked.signal?.aborted) span?.end({}, 'aborted');
    asked.signal?.throwIfAborted();
    const known = asTandemError(error);
    report(known.context.status, known.code);
    throw known;
  }
}

/** Waits for a slot, and for the limits. */
async function turn<T>({ slots, limiter }: Calls, asked: SystemCall, exchange: () => Promise<T>): Promise<T> {
  // Its record was just read: what waits meanwhile could be an edit that it does not know. Each follows a reading, so that
  // readings always get their turn too.
  const release = await slots.acquire(asked.signal, asked.operation === 'update');
  try {
    await limiter.acquire(asked.signal);
    return await exchange();
  } finally {
    release();
  }
}

const OUTAGE = new Set<ErrorCode>(['SYSTEM_UNREACHABLE', 'SYSTEM_UNAVAILABLE', 'SYSTEM_BAD_RESPONSE']);
/** The caller, or this client, ended the call: that shows nothing of the system. */
const ABANDONED = new TandemError('INTERNAL', 'The call was called off');

export function effectOf(operation: Operation): Effect {
  return operation === 'create' || operation === 'update' || operation === 'delete' ? operation : 'read';
}

const notAgain = new WeakSet<object>();

/** The same call would fail again if it were repeated at once: it is not. */
export function withoutRepeat(error: TandemError): TandemError {
  notAgain.add(error);
  return error;
}

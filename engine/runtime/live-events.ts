/**
 * Live events: what each reconcile came to and brakes that go on or off, as it happens, from every process that works on
 * the same Redis. Names of records and properties, never values. Nothing is kept: who was not listening asks for runs
 * and records.
 */
import type { Redis } from 'ioredis';
import type { BrakeEvent, Engine, OutcomeEvent } from '../engine.ts';
import { isConnected } from '../queue/patience.ts';

/** What a reconcile came to, or a brake that went on or off; `at`: ISO 8601. */
export type LiveEvent = { readonly at: string } & (
  | ({ readonly type: 'outcome' } & Omit<OutcomeEvent, 'sides' | 'arrived'>)
  | ({ readonly type: 'brake' } & BrakeEvent)
);
type Listener = (event: LiveEvent) => void;

/** Made before the engine, whose options take `onOutcome` and `onBrake`; who listens hears all processes. */
export interface LiveEvents {
  /** Wire these two into `createEngine`. */
  onOutcome(event: OutcomeEvent): void;
  onBrake(event: BrakeEvent): void;
  /** Joins the events of other processes; call once the engine is made, also in a process that only works. */
  attach(engine: Engine): void;
  /** @returns a function that ends it */
  listen(listener: Listener): Promise<() => void>;
  close(): Promise<void>;
}

/**
 * Who only listens does not notice that Redis is gone without a word: it asks for one this often, in ms, and a connection
 * on which no answer comes is given up.
 */
const ASK = 10_000;
/** Ms for which an outcome waits for others, to be sent in the same message. */
const LINGER = 20;

// Over 60 lines: a factory. What it returns are short functions that share the listeners and the two connections.
/** @returns events of this process until `attach` joins those of others over Redis; `listen` fails as Redis does */
export function createLiveEvents(): LiveEvents {
  const listeners = new Set<Listener>();
  let attached: Engine | undefined;
  let subscriber: Redis | undefined;
  let subscribed: Promise<unknown> | undefined;
  let asking: NodeJS.Timeout | undefined;
  // A channel per type: a process of an older version hears only what it knows.
  const channel = (type: LiveEvent['type']): string =>
    `${attached?.prefix}:events${type === 'outcome' ? '' : `:${type}`}`;
  const tell = (event: LiveEvent): void => {
    for (const listener of listeners) listener(event);
  };
  let collected: LiveEvent[] = [];
  const publish = (event: LiveEvent): void => {
    if (!attached) tell(event);
    else if (collected.push(event) === 1) setTimeout(send, LINGER);
  };
  const send = (): void => {
    const events = collected;
    collected = [];
    // Events are a courtesy: while Redis is away they are not queued up.
    if (!attached || !isConnected(attached)) return;
    for (const type of ['outcome', 'brake'] as const) {
      const some = events.filter((event) => event.type === type);
      if (some.length > 0) attached.redis.publish(channel(type), JSON.stringify(some)).catch(() => {});
    }
  };
  const leave = (): void => {
    clearInterval(asking);
    subscriber?.disconnect();
    subscriber = undefined;
  };
  const now = (): string => new Date().toISOString();

  return {
    onOutcome: ({ mapping, side, id, outcome, ms }) =>
      publish({ type: 'outcome', at: now(), mapping, side, id, outcome, ms }),
    onBrake: (event) => publish({ type: 'brake', at: now(), ...event }),
    attach(engine) {
      attached ??= engine;
    },
    async listen(listener) {
      listeners.add(listener);
      if (attached && !subscriber) {
        subscriber = attached.redis.duplicate();
        subscriber.on('error', (error) =>
          attached?.logger.warn({ reason: error.message }, 'Redis connection of live events'),
        );
        subscriber.on('message', (_, message) => (JSON.parse(message) as LiveEvent[]).forEach(tell));
        const asked = subscriber;
        asking = setInterval(() => asked.ping().catch(() => {}), ASK).unref();
        subscribed = subscriber.subscribe(channel('outcome'), channel('brake'));
      }
      try {
        await subscribed;
      } catch (error) {
        // The next listener begins again.
        listeners.delete(listener);
        leave();
        throw error;
      }
      return () => void listeners.delete(listener);
    },
    async close() {
      listeners.clear();
      leave();
    },
  };
}

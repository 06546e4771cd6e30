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

/** What both directions share. */
interface Events {
  readonly listeners: Set<Listener>;
  attached: Engine | undefined;
}

/** @returns events of this process until `attach` joins those of others over Redis; `listen` fails as Redis does */
export function createLiveEvents(): LiveEvents {
  const events: Events = { listeners: new Set(), attached: undefined };
  const publish = createPublish(events);
  const now = (): string => new Date().toISOString();

  return {
    onOutcome: ({ mapping, side, id, outcome, ms }) =>
      publish({ type: 'outcome', at: now(), mapping, side, id, outcome, ms }),
    onBrake: (event) => publish({ type: 'brake', at: now(), ...event }),
    attach(engine) {
      events.attached ??= engine;
    },
    ...createListening(events),
  };
}

/** A channel per type: a process of an older version hears only what it knows. */
const channel = ({ prefix }: Engine, type: LiveEvent['type']): string =>
  `${prefix}:events${type === 'outcome' ? '' : `:${type}`}`;

function tell({ listeners }: Events, event: LiveEvent): void {
  for (const listener of listeners) listener(event);
}

function createPublish(events: Events): (event: LiveEvent) => void {
  let collected: LiveEvent[] = [];

  function send(): void {
    const { attached } = events;
    const sent = collected;
    collected = [];
    // Events are a courtesy: while Redis is away they are not queued up.
    if (!attached || !isConnected(attached)) return;
    for (const type of ['outcome', 'brake'] as const) {
      const some = sent.filter((event) => event.type === type);
      if (some.length > 0) attached.redis.publish(channel(attached, type), JSON.stringify(some)).catch(() => {});
    }
  }

  return (event) => {
    if (!events.attached) tell(events, event);
    else if (collected.push(event) === 1) setTimeout(send, LINGER);
  };
}

function createListening(events: Events): Pick<LiveEvents, 'listen' | 'close'> {
  const { listeners } = events;
  let subscriber: Redis | undefined;
  let subscribed: Promise<unknown> | undefined;
  let asking: NodeJS.Timeout | undefined;

  function subscribe(engine: Engine): void {
    const asked = engine.redis.duplicate();
    subscriber = asked;
    asked.on('error', (error) => engine.logger.warn({ reason: error.message }, 'Redis connection of live events'));
    asked.on('message', (_, message) => {
      for (const event of JSON.parse(message) as LiveEvent[]) tell(events, event);
    });
    asking = setInterval(() => asked.ping().catch(() => {}), ASK).unref();
    subscribed = asked.subscribe(channel(engine, 'outcome'), channel(engine, 'brake'));
  }

  function leave(): void {
    clearInterval(asking);
    subscriber?.disconnect();
    subscriber = undefined;
  }

  return {
    async listen(listener) {
      listeners.add(listener);
      if (events.attached && !subscriber) subscribe(events.attached);
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

/**
 * Live events: what each reconcile came to, as it happens, from every process that works on the same Redis. Names of
 * records and properties, never values. Nothing is kept: who was not listening asks for runs and records.
 */
import type { Redis } from 'ioredis';
import type { Engine } from '../engine/engine.ts';
import type { OnOutcome } from './metrics.ts';

export type OutcomeEvent = Parameters<OnOutcome>[0] & { readonly at: string };
export type Listener = (event: OutcomeEvent) => void;

export interface Events {
  /** Wire this into `createEngine`. */
  readonly onOutcome: OnOutcome;
  /** Joins the events of other processes; call once the engine is made, also in a process that only works. */
  attach(engine: Engine): void;
  /** @returns a function that ends it */
  listen(listener: Listener): Promise<() => void>;
  close(): Promise<void>;
}

export function createEvents(): Events {
  const listeners = new Set<Listener>();
  let attached: Engine | undefined;
  let subscriber: Redis | undefined;
  let subscribed: Promise<unknown> | undefined;
  const channel = (): string => `${attached?.prefix}:events`;
  const tell = (event: OutcomeEvent): void => {
    for (const listener of listeners) listener(event);
  };

  return {
    onOutcome(outcome) {
      const event = { ...outcome, at: new Date().toISOString() };
      if (!attached) return tell(event);
      // Events are a courtesy: while Redis is away they are not queued up.
      if (attached.redis.status === 'ready') attached.redis.publish(channel(), JSON.stringify(event)).catch(() => {});
    },
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
        subscriber.on('message', (_, message) => tell(JSON.parse(message) as OutcomeEvent));
        subscribed = subscriber.subscribe(channel());
      }
      await subscribed;
      return () => void listeners.delete(listener);
    },
    async close() {
      listeners.clear();
      subscriber?.disconnect();
      subscriber = undefined;
    },
  };
}

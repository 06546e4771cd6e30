// REST hooks (v1): deliveries that say which records changed, never how.

import type { FastifyInstance } from 'fastify';
import type { Outbox } from '../kit/outbox.ts';
import type { StoredHook } from './data.ts';
import { addHookRoutes, saveHook, storedHook } from './hook-routes.ts';
import type { KeapEntity, KeapStore } from './store.ts';

const largestBatch = 1_000;

interface ObjectKey {
  id: number | string;
  apiUrl: string;
  timestamp: string;
}

export interface Hooks {
  /** Notes a change; hooks of that event are called after their delay. */
  note(eventKey: string, entity: KeapEntity, id: string): void;
  /** Forgets what waits to be sent. */
  clear(): void;
}

interface Parts {
  store: KeapStore;
  outbox: Outbox;
  delayMs: readonly [number, number];
}

export function createHooks(app: FastifyInstance, options: Parts & { url: () => string }): Hooks {
  const { store, outbox, delayMs } = options;
  /** Changes that wait for the next delivery, by hook. */
  const waiting = new Map<string, ObjectKey[]>();
  const timers = new Map<string, NodeJS.Timeout>();
  addHookRoutes(app, store, outbox);

  function flush(hook: StoredHook): void {
    timers.delete(hook.key);
    const keys = waiting.get(hook.key) ?? [];
    waiting.delete(hook.key);
    for (let at = 0; at < keys.length; at += largestBatch) deliver(options, hook, keys.slice(at, at + largestBatch));
  }

  return {
    note(eventKey, entity, id) {
      const key: ObjectKey = {
        // v1 counts in numbers what v2 gives as strings.
        id: /^\d+$/.test(id) ? Number(id) : id,
        apiUrl: `${options.url()}/crm/rest/v1/${entity}/${id}`,
        timestamp: new Date(store.clock.now()).toISOString().replace('Z', '+0000'),
      };
      for (const hook of store.hooks.values()) {
        if (hook.eventKey !== eventKey || hook.status !== 'Verified') continue;
        const batch = waiting.get(hook.key) ?? [];
        batch.push(key);
        waiting.set(hook.key, batch);
        if (timers.has(hook.key)) continue;
        const timer = setTimeout(() => flush(hook), outbox.draw(delayMs));
        timer.unref();
        timers.set(hook.key, timer);
      }
    },
    clear() {
      for (const timer of timers.values()) clearTimeout(timer);
      timers.clear();
      waiting.clear();
    },
  };
}

function deliver({ store, outbox, delayMs }: Parts, hook: StoredHook, object_keys: ObjectKey[]): void {
  const [object_type = ''] = hook.eventKey.split('.');
  const longest = delayMs[1];
  outbox.send(
    {
      url: hook.hookUrl,
      headers: () => ({ 'content-type': 'application/json' }),
      body: JSON.stringify({ event_key: hook.eventKey, object_type, object_keys }),
      // At Keap +30-60 s, +5 min, +30 min: the same proportions of the delay in use.
      retries: [outbox.draw(delayMs), longest * 5, longest * 30],
      accepted: (status) => status >= 200 && status < 400,
      wanted: () => store.hooks.get(hook.key)?.status === 'Verified',
      tried: ({ ok, status, last }) => {
        const now = store.hooks.get(hook.key);
        if (ok || !now || (status !== 410 && !last)) return false;
        saveHook(store, { ...storedHook(store, hook.key), status: 'Inactive' });
        return true;
      },
    },
    0,
  );
}

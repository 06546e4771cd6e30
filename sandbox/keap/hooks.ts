// REST hooks (v1): registration with its handshake, and deliveries that say which records changed, never how.

import { randomBytes } from 'node:crypto';
import type { FastifyInstance } from 'fastify';
import { isObject } from '../kit/json.ts';
import type { Outbox } from '../kit/outbox.ts';
import type { StoredHook } from './data.ts';
import { KeapError } from './errors.ts';
import type { KeapEntity, KeapStore } from './store.ts';

export const eventKeys: readonly string[] = [
  ...['company', 'contact', 'opportunity', 'product'].flatMap((object) =>
    ['add', 'edit', 'delete'].map((action) => `${object}.${action}`),
  ),
  'opportunity.stage_move',
];

const largestBatch = 1_000;

interface ObjectKey {
  id: number | string;
  apiUrl: string;
  timestamp: string;
}

type OfHook = { Params: { key: string } };

export interface Hooks {
  /** Notes a change; hooks of that event are called after their delay. */
  note(eventKey: string, entity: KeapEntity, id: string): void;
  /** Forgets what waits to be sent. */
  clear(): void;
}

// Over 60 lines: a factory. Routes and deliveries are short functions that share what waits and the secrets.
export function createHooks(
  app: FastifyInstance,
  options: { store: KeapStore; outbox: Outbox; delayMs: readonly [number, number]; url: () => string },
): Hooks {
  const { store, outbox, delayMs } = options;
  /** Changes that wait for the next delivery, by hook. */
  const waiting = new Map<string, ObjectKey[]>();
  const timers = new Map<string, NodeJS.Timeout>();

  /** The secret last sent, by hook: delayed verification brings it back. */
  const secrets = new Map<string, string>();

  async function verify(hook: StoredHook): Promise<StoredHook> {
    const secret = randomBytes(24).toString('hex');
    secrets.set(hook.key, secret);
    const answer = await outbox.call(hook.hookUrl, { 'X-Hook-Secret': secret });
    const echoed = answer?.status === 200 && answer.headers['x-hook-secret'] === secret;
    return save({ ...hook, status: echoed ? 'Verified' : 'Unverified' });
  }

  function save(hook: StoredHook): StoredHook {
    store.hooks.put({ ...hook, id: hook.key });
    return hook;
  }

  function stored(key: string): StoredHook {
    const hook = store.hooks.get(key);
    if (!hook) throw KeapError.v1(404, `There is no hook ${key}.`);
    return { key: hook.key, eventKey: hook.eventKey, hookUrl: hook.hookUrl, status: hook.status };
  }

  /** Which errors a bad subscription gets is not described: 400 here. */
  function subscription(body: unknown): Pick<StoredHook, 'eventKey' | 'hookUrl'> {
    const { eventKey, hookUrl } = isObject(body) ? body : {};
    if (typeof eventKey !== 'string' || !eventKeys.includes(eventKey))
      throw KeapError.v1(400, `eventKey must be one of ${eventKeys.join(', ')}.`);
    if (typeof hookUrl !== 'string' || !/^https?:\/\//.test(hookUrl) || !URL.canParse(hookUrl))
      throw KeapError.v1(400, 'hookUrl must be a URL.');
    return { eventKey, hookUrl };
  }

  app.register(
    async (v1) => {
      // No operation on hooks has query parameters.
      v1.addHook('preHandler', async (request) => {
        const [unknown] = Object.keys(request.query as object);
        if (unknown !== undefined) throw KeapError.v1(400, `${unknown} is not a parameter of ${request.method} here.`);
      });

      v1.get('/event_keys', async () => eventKeys);
      v1.get('', async () => store.hooks.values().map((hook) => stored(hook.key)));
      v1.get<OfHook>('/:key', async (request) => stored(request.params.key));

      // Answers 200, not 201.
      v1.post<{ Body: unknown }>('', async (request) => {
        const wanted = subscription(request.body);
        return await verify(save({ key: String(store.hooks.takeId()), ...wanted, status: 'Unverified' }));
      });

      v1.put<OfHook & { Body: unknown }>('/:key', async (request) => {
        const { key } = stored(request.params.key);
        return await verify(save({ key, ...subscription(request.body), status: 'Unverified' }));
      });

      v1.post<OfHook>('/:key/verify', async (request) => verify(stored(request.params.key)));

      v1.post<OfHook>('/:key/delayedVerify', async (request) => {
        const hook = stored(request.params.key);
        const confirmed = request.headers['x-hook-secret'] === secrets.get(hook.key);
        return confirmed ? save({ ...hook, status: 'Verified' }) : hook;
      });

      v1.delete<OfHook>('/:key', async (request, reply) => {
        stored(request.params.key);
        store.hooks.delete(request.params.key);
        return reply.code(204).send();
      });
    },
    { prefix: '/crm/rest/v1/hooks' },
  );

  function flush(hook: StoredHook): void {
    timers.delete(hook.key);
    const keys = waiting.get(hook.key) ?? [];
    waiting.delete(hook.key);
    for (let at = 0; at < keys.length; at += largestBatch) deliver(hook, keys.slice(at, at + largestBatch));
  }

  function deliver(hook: StoredHook, object_keys: ObjectKey[]): void {
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
          save({ ...stored(hook.key), status: 'Inactive' });
          return true;
        },
      },
      0,
    );
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

// How REST hooks are registered (v1): the routes, with the handshake that shows that the receiver wants them.

import { randomBytes } from 'node:crypto';
import type { FastifyInstance } from 'fastify';
import { isObject } from '../kit/json.ts';
import type { Outbox } from '../kit/outbox.ts';
import { eventKeys, type StoredHook } from './data.ts';
import { KeapError } from './errors.ts';
import type { KeapStore } from './store.ts';

type OfHook = { Params: { key: string } };

export function addHookRoutes(app: FastifyInstance, store: KeapStore, outbox: Outbox): void {
  /** The secret last sent, by hook: delayed verification brings it back. */
  const secrets = new Map<string, string>();

  async function verify(hook: StoredHook): Promise<StoredHook> {
    const secret = randomBytes(24).toString('hex');
    secrets.set(hook.key, secret);
    const answer = await outbox.call(hook.hookUrl, { 'X-Hook-Secret': secret });
    const echoed = answer?.status === 200 && answer.headers['x-hook-secret'] === secret;
    return saveHook(store, { ...hook, status: echoed ? 'Verified' : 'Unverified' });
  }

  app.register(
    async (v1) => {
      // No operation on hooks has query parameters.
      v1.addHook('preHandler', async (request) => {
        const [unknown] = Object.keys(request.query as object);
        if (unknown !== undefined) throw KeapError.v1(400, `${unknown} is not a parameter of ${request.method} here.`);
      });

      v1.get('/event_keys', async () => eventKeys);
      v1.get('', async () => store.hooks.values().map((hook) => storedHook(store, hook.key)));
      v1.get<OfHook>('/:key', async (request) => storedHook(store, request.params.key));

      // Answers 200, not 201.
      v1.post<{ Body: unknown }>('', async (request) => {
        const wanted = subscription(request.body);
        return await verify(saveHook(store, { key: String(store.hooks.takeId()), ...wanted, status: 'Unverified' }));
      });

      v1.put<OfHook & { Body: unknown }>('/:key', async (request) => {
        const { key } = storedHook(store, request.params.key);
        return await verify(saveHook(store, { key, ...subscription(request.body), status: 'Unverified' }));
      });

      v1.post<OfHook>('/:key/verify', async (request) => verify(storedHook(store, request.params.key)));

      v1.post<OfHook>('/:key/delayedVerify', async (request) => {
        const hook = storedHook(store, request.params.key);
        const confirmed = request.headers['x-hook-secret'] === secrets.get(hook.key);
        return confirmed ? saveHook(store, { ...hook, status: 'Verified' }) : hook;
      });

      v1.delete<OfHook>('/:key', async (request, reply) => {
        storedHook(store, request.params.key);
        store.hooks.delete(request.params.key);
        return reply.code(204).send();
      });
    },
    { prefix: '/crm/rest/v1/hooks' },
  );
}

export function saveHook(store: KeapStore, hook: StoredHook): StoredHook {
  store.hooks.put({ ...hook, id: hook.key });
  return hook;
}

export function storedHook(store: KeapStore, key: string): StoredHook {
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

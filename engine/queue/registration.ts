/** Webhooks of a running server: the unguessable keys in their addresses, and their registration at the systems. */
import { createHmac, randomBytes, randomUUID } from 'node:crypto';
import type { Redis } from 'ioredis';
import { createWebhookRegistrar, type RegisterCounts } from '../connectors/http/registrar.ts';
import { forgetRegistered, noteRegistered } from '../connectors/registered.ts';
import type { Engine } from '../engine.ts';
import { asTandemError } from '../errors.ts';

/** Hooks that a system turned off, or that someone removed by hand, are back within this time: 96 calls a day each. */
const EVERY = 15 * 60_000;
/** After a failure, or while another process is at it: sooner, and then ever later up to EVERY. */
const SOON = 15_000;
/** Longer than a registration takes; a process that dies while it registers stops the others no longer than this. */
const LOCK = 2 * 60_000;

const RELEASE = "if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end return 0";

/**
 * The key of a system's webhook address. Every process of one installation must come to the same: from the secret
 * given, or from one that the first process makes and all find in Redis.
 */
export async function webhookKeys(
  redis: Redis,
  prefix: string,
  secret: string | undefined,
): Promise<(system: string) => string> {
  const base = secret ?? (await sharedSecret(redis, `${prefix}:webhook-secret`));
  return (system) => createHmac('sha256', base).update(system).digest('base64url').slice(0, 32);
}

async function sharedSecret(redis: Redis, key: string): Promise<string> {
  await redis.set(key, randomBytes(32).toString('base64url'), 'NX');
  const secret = await redis.get(key);
  if (secret === null) throw new Error(`${key} was removed from Redis while it was being made.`);
  return secret;
}

/** The webhooks of a server, kept registered. `close` ends that; it waits for a registration under way. */
export interface Registration {
  close(): Promise<void>;
}

/**
 * Registers the webhooks now, after every change of the configuration, and again and again. A failure is logged and
 * tried again: without webhooks, changes are found by the scheduled scans.
 * @param publicUrl under which the systems reach this server, without a trailing slash
 */
export function keepRegistered(engine: Engine, publicUrl: string, keyOf: (system: string) => string): Registration {
  const lock = `${engine.prefix}:webhook-registration`;
  const urlFor = (system: string): string => `${publicUrl}/webhooks/${encodeURIComponent(system)}/${keyOf(system)}`;
  let timer: NodeJS.Timeout | undefined;
  let closed = false;
  let failures = 0;
  let work: Promise<void> = Promise.resolve();

  const next = (ms: number): void => {
    clearTimeout(timer);
    if (closed) return;
    timer = setTimeout(() => {
      work = work.then(round);
    }, ms);
  };
  const round = async (): Promise<void> => {
    if (closed) return;
    const good = await registerOnce(engine, lock, urlFor).catch((cause: unknown) => {
      engine.logger.warn({ reason: asTandemError(cause).message }, 'webhooks: registration failed, it is tried again');
      return false;
    });
    failures = good ? 0 : failures + 1;
    next(good ? EVERY : Math.min(SOON * 2 ** (failures - 1), EVERY));
  };
  const unlisten = engine.config.on(({ changed }) => {
    if (changed.length > 0) next(0);
  });
  next(0);

  return {
    async close() {
      closed = true;
      clearTimeout(timer);
      unlisten();
      await work;
    },
  };
}

/** @returns false where something is left to be tried again */
async function registerOnce(engine: Engine, lock: string, urlFor: (system: string) => string): Promise<boolean> {
  const owner = randomUUID();
  if ((await engine.redis.set(lock, owner, 'PX', LOCK, 'NX')) !== 'OK') return false;
  try {
    const { systems, mappings } = engine.config.current();
    const used = new Set([...mappings.values()].flatMap(({ sides }) => sides.map((side) => side.system.name)));
    let good = true;
    for (const system of systems.values()) {
      if (!used.has(system.name) || system.webhooks?.register === undefined) continue;
      const { onCall, encryptionKey } = engine.options;
      const registrar = createWebhookRegistrar(system, {
        redis: engine.redis,
        prefix: engine.prefix,
        encryptionKey,
        onCall,
        circuit: engine.client(system.name).circuit,
      });
      try {
        const { failed, ...counts } = await registrar.ensure(urlFor);
        // Whether the system took what was just registered, and then verified, only its list can tell.
        let after: Pick<RegisterCounts, 'created' | 'verified' | 'failed'> = { ...counts, failed };
        for (let look = 0; look < 2 && after.failed.length === 0 && after.created + after.verified > 0; look++)
          after = await registrar.ensure(urlFor);
        for (const { event, error } of failed) {
          good = false;
          const fields = { system: system.name, event, code: error.code, reason: error.message };
          engine.logger.warn(fields, 'webhooks: one event could not be registered, it is tried again');
        }
        const quiet = counts.created + counts.removed + counts.verified === 0;
        if (after.failed.length === 0 && after.created + after.verified === 0)
          await noteRegistered(engine.redis, engine.prefix, system.name, EVERY + LOCK);
        else {
          await forgetRegistered(engine.redis, engine.prefix, system.name);
          good = false;
        }
        engine.logger[quiet ? 'debug' : 'info']({ system: system.name, ...counts }, 'webhooks registered');
      } catch (cause) {
        good = false;
        await forgetRegistered(engine.redis, engine.prefix, system.name);
        const { code, message } = asTandemError(cause);
        engine.logger.warn(
          { system: system.name, code, reason: message },
          'webhooks: registration failed, it is tried again',
        );
      } finally {
        await registrar.close();
      }
    }
    return good;
  } finally {
    await engine.redis.eval(RELEASE, 1, lock, owner);
  }
}

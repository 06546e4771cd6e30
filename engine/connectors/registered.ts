/** Whether a system's webhooks are registered and active: while they are, changes need not be scanned for often. */
import type { Redis } from 'ioredis';

const keyOf = (prefix: string, system: string): string => `${prefix}:webhooks-registered:${system}`;

/**
 * While both systems of a mapping are noted, its changes are scanned as rarely as `schedule.webhooks` says.
 * @param ttl milliseconds after which it counts as not registered, unless it is noted again
 */
export async function noteRegistered(redis: Redis, prefix: string, system: string, ttl: number): Promise<void> {
  await redis.set(keyOf(prefix, system), '1', 'PX', ttl);
}

/** From now on changes are scanned as often as without webhooks. Does nothing where the system was not noted. */
export async function forgetRegistered(redis: Redis, prefix: string, system: string): Promise<void> {
  await redis.unlink(keyOf(prefix, system));
}

/** @returns the systems whose webhooks are registered */
export async function registeredSystems(
  redis: Redis,
  prefix: string,
  systems: readonly string[],
): Promise<ReadonlySet<string>> {
  if (systems.length === 0) return new Set();
  const noted = await redis.mget(systems.map((system) => keyOf(prefix, system)));
  return new Set(systems.filter((_, i) => noted[i] !== null));
}

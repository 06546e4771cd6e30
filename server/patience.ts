/** Redis may be away for a while, and its client waits for it forever; a person or a health check does not. */
import type { Engine } from '../engine/engine.ts';

/** @returns undefined when it took longer than `ms`; a late failure is nobody's any more */
export async function within<T>(ms: number, work: Promise<T>): Promise<T | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), ms);
  });
  work.catch(() => {});
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Whether Redis answers, in ms. */
export async function answers({ redis }: Pick<Engine, 'redis'>, ms: number): Promise<boolean> {
  try {
    return (await within(ms, redis.ping())) !== undefined;
  } catch {
    return false;
  }
}

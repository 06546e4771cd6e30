/** Redis may be away for a while, and its client waits for it forever; a person or a health check does not. */
import type { Redis } from 'ioredis';

interface Connected {
  readonly redis: Redis;
}

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
export async function redisAnswers({ redis }: Connected, ms: number): Promise<boolean> {
  try {
    return (await within(ms, redis.ping())) !== undefined;
  } catch {
    return false;
  }
}

/** How often it is looked whether Redis answers, and how long it may be silent, in ms. */
const LOOK = 500;
const SILENCE = 1_500;

/** Whether there is a connection; Redis may be silent on it. */
export const isConnected = ({ redis }: Connected): boolean => redis.status === 'ready';

/**
 * Knows without asking whether Redis is away or silent: it may hang, or its machine be gone, with its connection as good as
 * ever.
 */
export function watchSilence({ redis }: Connected): { silent(): boolean; close(): void } {
  let asked: number | undefined;
  const timer = setInterval(() => {
    if (asked !== undefined) return;
    asked = performance.now();
    const answered = (): void => {
      asked = undefined;
    };
    redis.ping().then(answered, answered);
  }, LOOK);
  timer.unref();
  return {
    silent: () => !isConnected({ redis }) || (asked !== undefined && performance.now() - asked > SILENCE),
    close: () => clearInterval(timer),
  };
}

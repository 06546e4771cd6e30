/** A Redis that may be killed: every acknowledged write is in its append-only file, and it comes back on the same port. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type StartedRedis, startRedis } from '../../../scripts/redis.mjs';

export interface DurableRedis {
  readonly url: string;
  /** Kills it and, `downMs` later, starts it again on what it had written. */
  crash(downMs: number): Promise<void>;
  /** It hangs with all its connections, or is killed, until what this returns is called; to call that again does nothing. */
  fail(how: 'hangs' | 'is killed'): Promise<() => Promise<void>>;
  close(): Promise<void>;
}

export async function startDurableRedis(): Promise<DurableRedis> {
  const dir = await mkdtemp(join(tmpdir(), 'tandem-faults-redis-'));
  const begin = (port?: number): Promise<StartedRedis> =>
    startRedis({ own: true, appendonly: true, dir, port, args: ['--appendfsync', 'always'] });
  let redis = await begin();
  const { url, port } = redis;
  async function fail(how: 'hangs' | 'is killed'): Promise<() => Promise<void>> {
    if (how === 'hangs') {
      redis.kill('SIGSTOP');
      return async () => void redis.kill('SIGCONT');
    }
    redis.kill('SIGKILL');
    await redis.exited;
    await redis.stop();
    let begun: Promise<void> | undefined;
    return () => {
      begun ??= begin(port).then((again) => {
        redis = again;
      });
      return begun;
    };
  }
  return {
    url,
    async crash(downMs) {
      const restore = await fail('is killed');
      await new Promise((resolve) => setTimeout(resolve, downMs));
      await restore();
    },
    fail,
    async close() {
      await redis.stop();
      await rm(dir, { recursive: true, force: true });
    },
  };
}

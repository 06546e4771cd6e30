// One process at a time: a lock file that a crashed holder does not keep locked for ever.
import { randomUUID } from 'node:crypto';
import { mkdir, readFile, rm, rmdir, stat, unlink, utimes, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const BEAT_MS = 5_000;
/** A holder on this machine is asked for by its pid; this age only ends a lock whose pid went to another program. */
const STALE_HERE_MS = 300_000;
/** A holder elsewhere (a container on the same folder) shows life by the file's age alone. */
const STALE_ELSEWHERE_MS = 60_000;

/**
 * Runs `work` while holding the lock file `path`, and returns what it returns.
 * `onWait` is called once if another process holds the lock.
 */
export async function withLock(path, work, { onWait } = {}) {
  const owner = `${hostname()} ${process.pid} ${randomUUID()}`;
  await mkdir(dirname(path), { recursive: true });
  for (let waited = false; !(await take(path, owner)); ) {
    if (await isStale(path)) await breakStale(path);
    else {
      if (!waited) onWait?.();
      waited = true;
      await sleep(200);
    }
  }
  const beat = setInterval(() => utimes(path, new Date(), new Date()).catch(() => {}), BEAT_MS);
  beat.unref();
  try {
    return await work();
  } finally {
    clearInterval(beat);
    if ((await read(path)) === owner) await rm(path, { force: true });
  }
}

async function take(path, owner) {
  try {
    await writeFile(path, owner, { flag: 'wx' });
    return true;
  } catch (error) {
    if (error.code === 'EEXIST') return false;
    throw error;
  }
}

async function isStale(path) {
  const [content, info] = await Promise.all([read(path), stat(path).catch(() => null)]);
  if (info === null) return false; // released meanwhile
  const age = Date.now() - info.mtimeMs;
  const [host, pid] = (content ?? '').split(' ');
  if (host !== hostname()) return age > STALE_ELSEWHERE_MS;
  return !isAlive(Number(pid)) || age > STALE_HERE_MS;
}

/** Two processes may find the same lock stale: the second must not remove the lock that the first has just taken. */
async function breakStale(path) {
  const breaking = `${path}.breaking`;
  try {
    await mkdir(breaking);
  } catch (error) {
    if (error.code !== 'EEXIST') throw error;
    const info = await stat(breaking).catch(() => null);
    if (info !== null && Date.now() - info.mtimeMs > 10_000) await rmdir(breaking).catch(() => {});
    await sleep(50);
    return;
  }
  try {
    if (await isStale(path)) await unlink(path).catch(() => {});
  } finally {
    await rmdir(breaking).catch(() => {});
  }
}

const read = (path) => readFile(path, 'utf8').catch(() => null);

function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === 'EPERM';
  }
}

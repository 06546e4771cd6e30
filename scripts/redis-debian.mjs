// Redis out of Debian's (or Ubuntu's) packages, unpacked into a cache folder (see debian.mjs).
import { execFile } from 'node:child_process';
import { accessSync, constants, existsSync, readFileSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { delimiter, dirname, join, relative } from 'node:path';
import { promisify } from 'node:util';
import { unpackPackages } from './debian.mjs';
import { withLock } from './lock.mjs';

const exec = promisify(execFile);

/** The server's binary is in the `-tools` package, which may be installed without the server: name both, fetch both. */
const PACKAGES = [
  { server: 'redis-server', names: ['redis-server', 'redis-tools'] },
  { server: 'valkey-server', names: ['valkey-server', 'valkey-tools'] },
];
const MARKER = 'ready.json';

export const canFetch = () => ['apt-get', 'dpkg-deb'].every((name) => findOnPath(name) !== null);

/** The absolute path of a program on the PATH, or null. */
export function findOnPath(name) {
  for (const folder of (process.env.PATH ?? '').split(delimiter)) {
    const path = join(folder || '.', name);
    try {
      accessSync(path, constants.X_OK);
      return path;
    } catch {
      // Not in this folder.
    }
  }
  return null;
}

/**
 * Returns `{ command, libraries }`: the server's binary and the folders of its libraries. The first call on a machine
 * downloads (some seconds), later ones read one small file. Rejects with apt's own words when it cannot be had.
 */
export async function debianRedis({ notice = () => {} } = {}) {
  const cache = await writableCache();
  const target = join(cache, platformName());
  return (
    (await unpacked(target)) ??
    withLock(`${target}.lock`, async () => (await unpacked(target)) ?? fetchInto(target, notice), {
      onWait: () => notice('Waiting for another process that is fetching Redis ...'),
    })
  );
}

/** Forgets what was unpacked, for when it no longer runs (the system's libraries changed under it). */
export async function forgetDebianRedis() {
  await rm(join(await writableCache(), platformName(), MARKER), { force: true });
}

async function unpacked(target) {
  try {
    const { command, libraries } = JSON.parse(await readFile(join(target, MARKER), 'utf8'));
    if (!existsSync(join(target, command))) return null;
    return { command: join(target, command), libraries: libraries.map((folder) => join(target, folder)) };
  } catch {
    return null;
  }
}

async function fetchInto(target, notice) {
  const cache = dirname(target);
  for (const name of await readdir(cache)) {
    if (name.startsWith('.fetch-')) await rm(join(cache, name), { recursive: true, force: true }); // of a killed process
  }
  const work = await mkdtemp(join(cache, '.fetch-'));
  try {
    const started = performance.now();
    notice("No Redis here: fetching Debian's package into the cache folder (once) ...");
    const { root, chosen } = await unpackPackages(
      work,
      PACKAGES.map(({ names }) => names),
    );
    const found = await inspect(root, PACKAGES[chosen].server);
    await writeFile(join(root, MARKER), JSON.stringify(found));
    await chmod(root, 0o755); // mkdtemp's folders are private; another user of this folder may run it too
    await rm(target, { recursive: true, force: true });
    await rename(root, target);
    notice(`Fetched ${found.version} in ${((performance.now() - started) / 1000).toFixed(1)} s.`);
  } finally {
    await rm(work, { recursive: true, force: true });
  }
  return unpacked(target);
}

/** Finds the binary and the library folders below `root` (as relative paths), and checks that the binary runs. */
async function inspect(root, server) {
  const command = join('usr', 'bin', server);
  const libraries = new Set();
  for (const entry of await readdir(root, { recursive: true, withFileTypes: true })) {
    if (/\.so(\.|$)/.test(entry.name)) libraries.add(relative(root, entry.parentPath ?? entry.path));
  }
  const folders = [...libraries];
  const { stdout } = await exec(join(root, command), ['--version'], {
    env: withLibraries(folders.map((folder) => join(root, folder))),
  });
  return { command, libraries: folders, version: stdout.trim().split(' ').slice(0, 3).join(' ') };
}

/** The environment in which a program finds these library folders first. */
export function withLibraries(folders) {
  const path = [...folders, ...(process.env.LD_LIBRARY_PATH ?? '').split(delimiter)].filter(Boolean).join(delimiter);
  return path ? { ...process.env, LD_LIBRARY_PATH: path } : process.env;
}

// The same folder may be seen from several systems (a container's mount), and binaries of one do not run on another.
function platformName() {
  const release = readFileSync('/etc/os-release', 'utf8');
  const field = (name) => release.match(new RegExp(`^${name}="?([^"\\n]*)`, 'm'))?.[1] ?? '';
  return `${field('ID')}-${field('VERSION_ID')}-${process.arch}`.replace(/[^\w.-]/g, '_');
}

/** `.cache/redis` of this repo, or a folder of the user's own when the repo cannot be written by this user. */
async function writableCache() {
  const repo = join(dirname(import.meta.dirname), '.cache', 'redis');
  const own = join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'tandem', 'redis');
  const last = join(tmpdir(), `tandem-redis-${process.getuid?.() ?? 'user'}`);
  for (const folder of [repo, own, last]) {
    try {
      if (existsSync(join(folder, platformName(), MARKER))) return folder; // reading is enough
      await mkdir(folder, { recursive: true });
      accessSync(folder, constants.W_OK);
      return folder;
    } catch {
      // The next one.
    }
  }
  throw new Error(`No folder to unpack Redis into: ${repo} cannot be written, nor ${own}, nor ${last}.`);
}

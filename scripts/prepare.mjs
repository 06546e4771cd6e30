// Makes a clean clone ready to run: Node's version, dependencies as package-lock.json says, and on request the build.
// Uses nothing but Node itself, because it runs before anything is installed.
import { createHash } from 'node:crypto';
import { existsSync, realpathSync } from 'node:fs';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join, relative, sep } from 'node:path';
import { finished } from 'node:stream/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { spawnWatched } from './child.mjs';
import { withLock } from './lock.mjs';

export const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));

const LOCK = join(ROOT, 'package-lock.json');
const MODULES = join(ROOT, 'node_modules');
const INSTALLED = join(MODULES, '.tandem-lock');
const DIST = join(ROOT, 'dist');
const BUILT = join(DIST, '.tandem-build.json');
const NODE_NEEDED = [20, 19];

/** A failure that its message says in full; a stack trace would tell the reader nothing. */
export class Unprepared extends Error {}

/**
 * Installs what package-lock.json names unless it is there already, and builds `dist/` if `build` is set and a source
 * changed. Costs a few milliseconds when there is nothing to do, and may run in several processes at once.
 */
export async function prepare({ build = false } = {}) {
  requireNode();
  const lock = await lockHash();
  if (!(await isInstalled(lock))) await exclusively('installing the dependencies', () => install(lock));
  if (build && !(await isBuilt())) await exclusively('building', buildNow);
}

/** Runs `main` of a script: an expected failure prints its message alone. */
export async function runScript(main) {
  try {
    await main();
  } catch (error) {
    console.error(error instanceof Unprepared || error?.expected ? error.message : error);
    process.exitCode = 1;
  }
}

/** Whether the module with this `import.meta.url` is the program that node was started with. */
export function isProgram(url) {
  const program = process.argv[1];
  return program !== undefined && existsSync(program) && pathToFileURL(realpathSync(program)).href === url;
}

function requireNode() {
  const [major, minor] = process.versions.node.split('.').map(Number);
  const [needMajor, needMinor] = NODE_NEEDED;
  if (major > needMajor || (major === needMajor && minor >= needMinor)) return;
  throw new Unprepared(
    `Tandem needs Node.js ${NODE_NEEDED.join('.')} or later; this is ${process.versions.node} (${process.execPath}).`,
  );
}

const exclusively = (doing, work) =>
  withLock(join(ROOT, '.cache', 'prepare.lock'), work, {
    onWait: () => console.log(`Waiting for another process that is ${doing} ...`),
  });

// Packages hold binaries of one platform, so a folder that came from another one is not installed here.
async function lockHash() {
  const lock = await readOrNull(LOCK);
  if (lock === null) throw new Unprepared('package-lock.json is missing: this is not a complete copy of Tandem.');
  return `${process.platform}-${process.arch} ${sha256(lock)}`;
}

async function isInstalled(lock) {
  if ((await readOrNull(INSTALLED)) === lock) return true;
  if (!(await npmInstalledThese())) return false;
  await writeFile(INSTALLED, lock).catch(() => {}); // a read-only copy only pays for the comparison each time
  return true;
}

async function install(lock) {
  if (await isInstalled(lock)) return; // another process did it while this one waited
  // NODE_ENV=production or an npm setting would leave out what the build and the tests need.
  await npm(['ci', '--include=dev', '--no-audit', '--no-fund'], 'Installing the dependencies (npm ci)');
  await writeFile(INSTALLED, lock);
}

/** Whether `npm ci` or `npm install`, run by hand, has left in node_modules just what package-lock.json names. */
async function npmInstalledThese() {
  const [wanted, present] = await Promise.all([readJson(LOCK), readJson(join(MODULES, '.package-lock.json'))]);
  if (!wanted?.packages || !present?.packages) return false;
  for (const [path, entry] of Object.entries(wanted.packages)) {
    if (path === '') continue;
    const found = present.packages[path];
    if (found ? found.version !== entry.version || found.integrity !== entry.integrity : !entry.optional) return false;
    if (found && !existsSync(join(ROOT, path, 'package.json'))) return false;
  }
  return Object.keys(present.packages).every((path) => path in wanted.packages);
}

async function buildNow() {
  const hash = await sourceHash();
  if (await isBuiltFrom(hash)) return;
  await npm(['run', 'build'], 'Building (npm run build)');
  const outputs = await outputsOf();
  await writeFile(BUILT, JSON.stringify({ hash, outputs }));
}

const isBuilt = async () => isBuiltFrom(await sourceHash());

/** From these sources, and nobody deleted a part of it. */
async function isBuiltFrom(hash) {
  const earlier = await readJson(BUILT);
  return earlier?.hash === hash && earlier.outputs.every((output) => existsSync(join(DIST, output)));
}

async function outputsOf() {
  const entries = await readdir(DIST, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile());
  return files.map((entry) => relative(DIST, join(entry.parentPath ?? entry.path, entry.name)));
}

/** Over the contents of the files that decide what the build yields: a checkout changes times, not contents. */
async function sourceHash() {
  const files = ['package.json', 'package-lock.json', 'scripts/build.mjs', 'scripts/bundle.mjs'];
  for (const folder of ['api', 'engine', 'server', 'cli']) {
    const entries = await readdir(join(ROOT, folder), { recursive: true, withFileTypes: true }).catch(() => []);
    for (const entry of entries) {
      if (!entry.isFile() || !/\.(ts|mts|cts|json|lua)$/.test(entry.name)) continue;
      files.push(
        relative(ROOT, join(entry.parentPath ?? entry.path, entry.name))
          .split(sep)
          .join('/'),
      );
    }
  }
  files.sort();
  const hash = createHash('sha256');
  for (const file of files) hash.update(`${file}\0${sha256((await readOrNull(join(ROOT, file))) ?? '')}\n`);
  return hash.digest('hex');
}

/** Runs npm, saying so on one line; its output is shown only when it fails. */
async function npm(args, doing) {
  process.stdout.write(`${doing} ... `);
  const started = performance.now();
  // Under `npm run`, use the npm that started this.
  const own = process.env.npm_execpath;
  const [command, first] = own && /npm-cli\.c?js$/.test(own) ? [process.execPath, [own]] : ['npm', []];
  const child = spawnWatched(command, [...first, ...args], { cwd: ROOT, stdio: ['ignore', 'pipe', 'pipe'] });
  const output = [];
  const read = [child.stdout, child.stderr].map((stream) => finished(stream.on('data', (chunk) => output.push(chunk))));
  const { error, code, signal } = await child.settled;
  if (code === 0) return console.log(`${((performance.now() - started) / 1000).toFixed(1)} s`);
  console.log('failed');
  await Promise.race([Promise.allSettled(read), sleep(1000)]);
  process.stderr.write(Buffer.concat(output));
  throw new Unprepared(
    `npm ${args.join(' ')} ${error ? `did not start: ${error.message}` : `ended with ${signal ?? code}`}.`,
  );
}

const sha256 = (text) => createHash('sha256').update(text).digest('hex');
const readOrNull = (path) => readFile(path, 'utf8').catch(() => null);

async function readJson(path) {
  try {
    return JSON.parse(await readFile(path, 'utf8'));
  } catch {
    return null;
  }
}

if (isProgram(import.meta.url)) {
  await runScript(async () => {
    const unknown = process.argv.slice(2).filter((arg) => arg !== '--build');
    if (unknown.length > 0)
      throw new Unprepared(`Usage: node scripts/prepare.mjs [--build] (not: ${unknown.join(' ')})`);
    await prepare({ build: process.argv.includes('--build') });
  });
}

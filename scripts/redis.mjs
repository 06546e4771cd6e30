// A Redis for tests, the demo and development: the one that REDIS_URL names, or one of its own that ends with the
// process that started it. Run as a program, it keeps one in the foreground:
// node scripts/redis.mjs [--port N] [--dir D] [--no-appendonly]
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect as connectTls } from 'node:tls';
import { parseArgs } from 'node:util';
import { spawnWatched } from './child.mjs';
import { isProgram, runScript } from './prepare.mjs';
import { canFetch, debianRedis, findOnPath, forgetDebianRedis, withLibraries } from './redis-debian.mjs';

/** BullMQ asks for 6.2 (`recommendedMinimumVersion`): older ones lack commands and options that it uses. */
const OLDEST = [6, 2];
const START_MS = 15_000;
const STOP_MS = 5_000;

/** No Redis could be had. The message says every way out; a stack trace would add nothing. */
export class RedisUnavailable extends Error {
  name = 'RedisUnavailable';
  code = 'REDIS_UNAVAILABLE';
  expected = true;
}

/** See redis.d.mts for the options and the result. */
export async function startRedis(options = {}) {
  const { own = false, port, dir, appendonly = false, sentinel, log = () => {}, notice = log, args = [] } = options;
  const given = process.env.REDIS_URL;
  if (given && !own) return useGiven(given);
  for (let attempt = 1; ; attempt++) {
    const server = await findServer(notice);
    const started = await startOne(server, { port: port ?? (await freePort()), dir, appendonly, sentinel, log, args });
    if (!started.failure) return started;
    // Another program may take the free port first; and what was unpacked earlier may no longer suit the system.
    const portTaken = port === undefined && /already in use/i.test(started.failure);
    const misfit =
      server.how === 'debian' && /error while loading shared libraries|version .* not found/.test(started.failure);
    if (misfit) {
      await forgetDebianRedis();
      found = undefined;
    }
    if (attempt >= 5 || !(portTaken || (misfit && attempt === 1))) {
      throw new RedisUnavailable(`${server.command} did not start:\n${started.failure}`);
    }
  }
}

async function useGiven(given) {
  let url;
  try {
    url = new URL(given);
  } catch {
    throw new RedisUnavailable('REDIS_URL is not a URL. It should look like redis://127.0.0.1:6379');
  }
  const host = url.hostname.replace(/^\[|\]$/g, '') || '127.0.0.1';
  const port = Number(url.port || 6379);
  const answer = await ask({ host, port, tls: url.protocol === 'rediss:' }, 'PING', 5_000);
  // An error is an answer too: this Redis may ask for a password, which the client will send.
  if (!/^[+-]/.test(answer ?? '')) {
    throw new RedisUnavailable(
      `REDIS_URL names ${host}:${port}, but no Redis answers there. Start it, correct REDIS_URL, or unset it to let Tandem start its own.`,
    );
  }
  return {
    url: given,
    host,
    port,
    pid: null,
    dir: null,
    how: 'REDIS_URL',
    exited: new Promise(() => {}),
    stop: async () => {},
    kill: () => {
      throw new Error(
        'This Redis was not started here (REDIS_URL). For one that may be killed: startRedis({ own: true })',
      );
    },
  };
}

let found;
const findServer = (notice) => {
  found ??= locate(notice).catch((error) => {
    found = undefined;
    throw error;
  });
  return found;
};

async function locate(notice) {
  const passedOver = [];
  for (const name of ['redis-server', 'valkey-server']) {
    const command = findOnPath(name);
    if (command === null) continue;
    const version = versionOf(command);
    if (version && isOlder(version))
      passedOver.push(`${command} is ${version.join('.')}, but ${OLDEST.join('.')} or later is needed.`);
    else if (version) return { how: 'path', command, env: process.env };
    else passedOver.push(`${command} does not answer --version.`);
  }
  for (const line of passedOver) notice(line);
  if (canFetch()) {
    try {
      const { command, libraries } = await debianRedis({ notice });
      const env = withLibraries(libraries);
      const version = versionOf(command, env);
      if (version === null || !isOlder(version)) return { how: 'debian', command, env };
      passedOver.push(`Debian's package is ${version.join('.')}, but ${OLDEST.join('.')} or later is needed.`);
    } catch (error) {
      passedOver.push(`Fetching Debian's package failed:\n${error.message.replace(/^/gm, '    ')}`);
    }
  }
  throw new RedisUnavailable(waysOut(passedOver));
}

function waysOut(passedOver) {
  return `Tandem needs Redis ${OLDEST.join('.')} or later (or Valkey), and found none: REDIS_URL is not set, and no redis-server or valkey-server that suits is on the PATH.
${passedOver.map((line) => `  ${line}\n`).join('')}Do one of these:
  - use a running one:      export REDIS_URL=redis://127.0.0.1:6379
  - Debian, Ubuntu:         sudo apt-get install redis-server     (or valkey-server)
  - Fedora:                 sudo dnf install valkey
  - Alpine:                 apk add redis
  - macOS:                  brew install redis                    (or valkey)
  - Docker:                 docker run --rm -p 127.0.0.1:6379:6379 redis:7
                            and then export REDIS_URL=redis://127.0.0.1:6379`;
}

function versionOf(command, env) {
  try {
    const said = execFileSync(command, ['--version'], { env, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
    const [, major, minor] = said.match(/v=(\d+)\.(\d+)/) ?? [];
    return major === undefined ? null : [Number(major), Number(minor)];
  } catch {
    return null;
  }
}

const isOlder = ([major, minor]) => major < OLDEST[0] || (major === OLDEST[0] && minor < OLDEST[1]);

// Over 60 lines: the start of one process, and each of its ends, which share whether it has ended and what it printed.
async function startOne(server, { port, dir, appendonly, sentinel, log, args }) {
  const removeDir = dir === undefined ? mkdtempSync(join(tmpdir(), 'tandem-redis-')) : undefined;
  const folder = removeDir ?? resolve(dir);
  mkdirSync(folder, { recursive: true });
  const settings = [
    ['--port', String(port), '--bind', '127.0.0.1', '--protected-mode', 'yes', '--daemonize', 'no', '--logfile', ''],
    ['--dir', folder, '--save', '', '--appendonly', appendonly ? 'yes' : 'no', '--maxmemory-policy', 'noeviction'],
  ];
  // A sentinel keeps what it learns in its configuration, so it must have a file.
  const file = join(folder, 'sentinel.conf');
  if (sentinel) writeFileSync(file, [`port ${port}`, 'bind 127.0.0.1', `dir ${folder}`, ...sentinel, ''].join('\n'));
  const child = spawnWatched(server.command, sentinel ? [file, '--sentinel'] : [...settings.flat(), ...args], {
    cwd: folder,
    env: server.env,
    stdio: ['ignore', 'pipe', 'pipe'],
    scope: 'process',
    removeDir,
  });
  const lines = [];
  for (const stream of [child.stdout, child.stderr]) {
    createInterface({ input: stream }).on('line', (line) => {
      lines.push(line);
      if (lines.length > 50) lines.shift();
      log(line);
    });
  }
  // The process that started it ends when its own work is done; a Redis is no reason to wait.
  child.unref();
  for (const stream of child.stdio) stream?.unref?.();

  let ended = false;
  const exited = child.settled.then((result) => {
    ended = true;
    return result;
  });
  const atExit = () => {
    if (!ended) child.kill('SIGKILL');
    if (removeDir) rmSync(removeDir, { recursive: true, force: true, maxRetries: 3 });
  };
  process.on('exit', atExit);

  const stop = async () => {
    if (!ended) {
      child.kill('SIGCONT'); // a stopped one would not hear SIGTERM
      child.kill('SIGTERM');
      child.ref();
      if (!(await within(STOP_MS, exited))) child.kill('SIGKILL');
      await exited;
    }
    process.off('exit', atExit);
    if (removeDir) rmSync(removeDir, { recursive: true, force: true, maxRetries: 3 });
    child.stdio[3].end();
  };

  const deadline = Date.now() + START_MS;
  while (!ended && Date.now() < deadline) {
    // Whether it is this one that answers: another program's Redis may have taken the port just before.
    const answer = await ask({ host: '127.0.0.1', port }, 'PING\r\nINFO server', 1_000);
    if (/^-(NOAUTH|NOPERM)/.test(answer ?? '')) break;
    if (/^\+PONG/.test(answer ?? '') && new RegExp(`process_id:${child.pid}\\r`).test(answer)) break;
    await Promise.race([exited, sleep(10)]);
  }
  if (ended || Date.now() >= deadline) {
    await within(500, new Promise((done) => child.once('close', done)));
    await stop();
    const { error } = await exited;
    return { failure: error?.message ?? (lines.slice(-8).join('\n') || 'It said nothing.') };
  }
  return {
    url: `redis://127.0.0.1:${port}`,
    host: '127.0.0.1',
    port,
    pid: child.pid,
    dir: folder,
    how: server.how,
    get exited() {
      child.ref(); // a caller that asks for its end waits for it
      return exited.then(({ code, signal }) => ({ code: code ?? null, signal: signal ?? null }));
    },
    stop: once(stop),
    kill: (signal = 'SIGKILL') => child.kill(signal),
  };
}

function once(work) {
  let running;
  return () => {
    running ??= work();
    return running;
  };
}

/** Whether `promise` settled within `ms`. */
async function within(ms, promise) {
  let timer;
  const late = new Promise((done) => {
    timer = setTimeout(done, ms, false);
  });
  const settled = await Promise.race([promise.then(() => true), late]);
  clearTimeout(timer);
  return settled;
}

/** Sends inline commands and returns all that came back until Redis closed the connection; null if nothing did. */
function ask({ host, port, tls = false }, commands, ms) {
  return new Promise((done) => {
    const socket = tls ? connectTls({ host, port, servername: host }) : connect({ host, port });
    let answer = '';
    const finish = () => {
      socket.destroy();
      done(answer || null);
    };
    socket.setTimeout(ms, finish);
    socket.on('data', (chunk) => {
      answer += chunk;
    });
    socket.once('end', finish);
    socket.once('error', finish);
    socket.once(tls ? 'secureConnect' : 'connect', () => socket.write(`${commands}\r\nQUIT\r\n`));
  });
}

function freePort() {
  return new Promise((done, failed) => {
    const server = createServer();
    server.once('error', failed);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => done(port));
    });
  });
}

if (isProgram(import.meta.url)) await runScript(foreground);

async function foreground() {
  let values;
  try {
    const options = {
      port: { type: 'string' },
      dir: { type: 'string' },
      appendonly: { type: 'boolean' },
      help: { type: 'boolean' },
    };
    ({ values } = parseArgs({ options, allowNegative: true }));
    if (values.port !== undefined && !/^\d{1,5}$/.test(values.port)) throw new Error(`Not a port: ${values.port}`);
  } catch (error) {
    console.error(`${error.message}\nUsage: node scripts/redis.mjs [--port N] [--dir FOLDER] [--no-appendonly]`);
    process.exitCode = 2;
    return;
  }
  if (values.help) {
    console.log(`Usage: node scripts/redis.mjs [--port N] [--dir FOLDER] [--no-appendonly]
Runs a Redis on 127.0.0.1 until Ctrl-C and prints its URL. Its data is gone then, unless --dir names a folder.
--no-appendonly has it save nothing even while it runs.`);
    return;
  }
  const redis = await startRedis({
    own: true,
    port: values.port === undefined ? undefined : Number(values.port),
    dir: values.dir,
    // One that saves nothing would make every Tandem on it look unwell.
    appendonly: values.appendonly ?? true,
    log: (line) => console.error(line),
  });
  console.log(redis.url);
  let asked = false;
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
    process.on(signal, () => {
      asked = true;
      redis.stop();
    });
  }
  const { code, signal } = await redis.exited;
  if (!asked) console.error(`Redis ended by itself (${signal ?? code}).`);
  await redis.stop();
  process.exitCode = asked ? 0 : 1;
}

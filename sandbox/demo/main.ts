// The demo: Redis, both stand-ins and Tandem on this machine; the first sync; then what to try, or, with --once, the
// same things tried and checked.

import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Command } from 'commander';
import pc from 'picocolors';
import { startRedis } from '../../scripts/redis.mjs';
import { comparisonLines } from '../oracle/compare.ts';
import { type Apis, api } from './apis.ts';
import { compareLinked, pickExample, tryItAll } from './exercise.ts';
import { guide } from './guide.ts';
import { freePort, type Process, runProcess, startProcess } from './processes.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const keapKey = 'sandbox-keap-key';
const shopToken = 'sandbox-shop-token';
const prefix = `tandem-demo-${process.pid}`;

const {
  once,
  seed,
  config: folder,
} = new Command('npm run demo --')
  .description('Keap and a web shop, as stand-ins on this machine, come into step and stay there.')
  .option('--once', 'try and check everything by itself, then end: exit status 0 or 1', false)
  .option('--seed <number>', 'seed of the data', '42')
  .option(
    '--config <folder>',
    'folder with mappings/, systems/ and schemas/ to run; default: those of the project',
    root,
  )
  .addHelpText('after', '\nWithout --once it stays up until Ctrl-C.')
  .parse()
  .opts<{ once: boolean; seed: string; config: string }>();

const begun = performance.now();
const say = (text: string) => process.stdout.write(`${text}\n`);
const seconds = (from: number) => `${((performance.now() - from) / 1000).toFixed(1)} s`;

/** What to undo at the end, the latest first. */
const undo: (() => Promise<unknown>)[] = [];
let ending: Promise<void> | undefined;
function end(): Promise<void> {
  ending ??= (async () => {
    for (const step of undo.reverse())
      await step().catch((error: unknown) => process.stderr.write(`demo: ${String(error)}\n`));
  })();
  return ending;
}

const interrupted = new Promise<'interrupted'>((resolve) => {
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => resolve('interrupted'));
});
void interrupted.then(() => say('\nEnding ...'));

/** How both stand-ins are reached. They are no secrets. */
const standInVariables = (keap: string, shop: string): Readonly<Record<string, string>> => ({
  KEAP_BASE_URL: `${keap}/crm/rest`,
  KEAP_API_KEY: keapKey,
  // What the stand-in allows; the system file's own defaults are those of the real Keap.
  KEAP_LIMIT_SECOND: '240',
  KEAP_LIMIT_MINUTE: '14000',
  KEAP_LIMIT_DAY: '1000000',
  SHOP_BASE_URL: shop,
  SHOP_TOKEN: shopToken,
  SHOP_LIMIT_SECOND: '500',
  SHOP_WEBHOOK_SECRET: 'sandbox-webhook-secret',
});

/** One start after the other: each needs the addresses of the last one, and notes how it is undone. */
async function start(): Promise<{ apis: Apis; tandem: Process; env: NodeJS.ProcessEnv; config: string; log: string }> {
  say(pc.bold('Tandem demo'));
  const redis = await startRedis({ appendonly: true, notice: say });
  undo.push(() => redis.stop());
  if (redis.how === 'REDIS_URL') undo.push(() => forgetKeys(redis.url));
  say(`  Redis      ${redis.url} (${redis.how})`);

  const ports = { tandem: await freePort(8080), keap: await freePort(8081), shop: await freePort(8082) };
  const sandbox = await startProcess(
    'The stand-ins',
    ['sandbox/main.ts', '--keap-port', String(ports.keap), '--shop-port', String(ports.shop), '--seed', seed],
    process.env,
  );
  undo.push(() => sandbox.stop());
  const { keap, shop } = sandbox.ready as { keap: { url: string }; shop: { url: string } };
  say(`  Keap       ${keap.url} (stand-in)`);
  say(`  Web shop   ${shop.url} (stand-in)`);

  const config = await configFolder();
  const url = `http://127.0.0.1:${ports.tandem}`;
  const env = environmentOf({ redis: redis.url, keap: keap.url, shop: shop.url, url, port: ports.tandem, config });
  const logs = await mkdtemp(join(tmpdir(), 'tandem-demo-log-'));
  undo.push(() => rm(logs, { recursive: true, force: true }));
  const log = join(logs, 'tandem.log');
  const tandem = await startProcess('Tandem', ['cli/main.ts', 'start', '--ready-json'], env, log);
  undo.push(() => tandem.stop());
  say(`  Tandem     ${url}`);
  return {
    apis: {
      keap: api(`${keap.url}/crm/rest`, { 'x-keap-api-key': keapKey }),
      shop: api(shop.url, { authorization: `Bearer ${shopToken}` }),
      tandem: api(url, {}),
    },
    tandem,
    env,
    config,
    log,
  };
}

/** --once edits a mapping file; it must not be the one that belongs to you. */
async function configFolder(): Promise<string> {
  if (!once) return resolve(folder);
  const config = await mkdtemp(join(tmpdir(), 'tandem-demo-'));
  undo.push(() => rm(config, { recursive: true, force: true }));
  for (const part of ['mappings', 'systems', 'schemas'])
    await cp(join(folder, part), join(config, part), { recursive: true });
  return config;
}

function environmentOf({
  redis,
  keap,
  shop,
  url,
  port,
  config,
}: Record<'redis' | 'keap' | 'shop' | 'url' | 'config', string> & { port: number }): NodeJS.ProcessEnv {
  return {
    ...process.env,
    REDIS_URL: redis,
    TANDEM_PREFIX: prefix,
    TANDEM_CONFIG: config,
    TANDEM_HOST: '127.0.0.1',
    TANDEM_PORT: String(port),
    TANDEM_URL: url,
    TANDEM_PUBLIC_URL: url,
    TANDEM_READ_TOKEN: '',
    TANDEM_API_TOKEN: '',
    TANDEM_LOG_LEVEL: once ? 'warn' : 'info',
    ...standInVariables(keap, shop),
  };
}

async function main(): Promise<number> {
  const { apis, tandem, env, config, log } = await start();
  say(`\n${pc.bold('First sync')}`);
  const synced = performance.now();
  const code = await runProcess(['cli/main.ts', 'sync', '--full', '--allow-creates'], env);
  if (code !== 0) {
    process.stderr.write(`${tandem.log().slice(-20).join('\n')}\n`);
    throw new Error(`The first sync ended with code ${code}.`);
  }
  say(`\nFirst sync: ${seconds(synced)}; since the start: ${seconds(begun)}.`);

  const example = {
    ...(await pickExample(apis)),
    keapKey,
    shopToken,
    mappingFile: relative(process.cwd(), join(folder, 'mappings', 'company-customer.yaml')),
    redis: { url: env.REDIS_URL!, prefix: env.TANDEM_PREFIX! },
    variables: {
      ...Object.fromEntries(
        ['TANDEM_URL', 'REDIS_URL', 'TANDEM_PREFIX', 'TANDEM_CONFIG'].map((name) => [name, env[name]!]),
      ),
      ...standInVariables(apis.keap.url.replace(/\/crm\/rest$/, ''), apis.shop.url),
    },
    log,
  };
  if (once) {
    const passed = await tryItAll({ apis, example, config, seed: Number(seed), say });
    say(
      `\n${passed ? pc.green('Everything is as it should be.') : pc.red('Something is not as it should be.')} Wall time: ${seconds(begun)}.`,
    );
    return passed ? 0 : 1;
  }
  say(`\n${pc.bold('Values on both sides, read through their own APIs')}`);
  for (const line of comparisonLines(await compareLinked(apis))) say(line);
  for (const line of guide(apis, example)) say(line);
  const outcome = await Promise.race([interrupted, tandem.ended]);
  if (outcome === 'interrupted') return 0;
  throw new Error(`Tandem ended by itself with code ${outcome}:\n${tandem.log().slice(-20).join('\n')}`);
}

/** A Redis that was there before keeps nothing of the demo. */
async function forgetKeys(url: string): Promise<void> {
  const { Redis } = await import('ioredis');
  const redis = new Redis(url);
  try {
    for (const pattern of [`${prefix}:*`, `{${prefix}}*`]) {
      for await (const keys of redis.scanStream({ match: pattern, count: 500 })) {
        if ((keys as string[]).length > 0) await redis.unlink(...(keys as string[]));
      }
    }
  } finally {
    redis.disconnect();
  }
}

Promise.race([main(), interrupted.then(() => 0)])
  .catch((error: unknown) => {
    process.stderr.write(`\n${pc.red('demo:')} ${error instanceof Error ? error.message : String(error)}\n`);
    return 1;
  })
  .then(async (code) => {
    await end();
    process.exit(code);
  });

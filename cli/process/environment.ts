/** The environment variables of Tandem, all of them: one table, read and checked in one place. */
import { existsSync, readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { keyPrefix, parseDuration, parseRedisUrl, REDIS_URL_FORMS } from '../../engine/index.ts';
import { reachable } from '../../server/listen.ts';
import { Failure } from '../failure.ts';

export type Env = Readonly<Record<string, string | undefined>>;
export type LogLevel = (typeof LOG_LEVELS)[number];

export interface Environment {
  readonly redisUrl: string | undefined;
  readonly host: string;
  /** 0: a free one. */
  readonly port: number;
  /** Where a process without a server tells its health and metrics; undefined: nowhere. 0: a free one. */
  readonly healthPort: number | undefined;
  /** What every Redis key begins with: in a Redis Cluster TANDEM_PREFIX in braces. */
  readonly prefix: string;
  /** Folder that holds mappings/, systems/ and schemas/. */
  readonly config: string;
  readonly readToken: string | undefined;
  readonly apiToken: string | undefined;
  /** Addresses of reverse proxies whose X-Forwarded-* headers are believed. */
  readonly trustProxy: readonly string[];
  /** Without a trailing slash. */
  readonly publicUrl: string | undefined;
  readonly webhookSecret: string | undefined;
  readonly encryptionKey: string | undefined;
  readonly fingerprintKey: string | undefined;
  readonly concurrency: number;
  /** Drafts and previews that a server tries at once. */
  readonly drafts: number;
  /** Milliseconds of computing for each. */
  readonly draftTimeout: number;
  readonly schedules: boolean;
  readonly logLevel: LogLevel;
  /** Milliseconds. */
  readonly lockDuration: number;
  /** Where commands find a running Tandem; without a trailing slash. */
  readonly url: string;
}

export interface Variable {
  readonly name: string;
  /** As a person reads it: a value, or words where it depends; '' for none. */
  readonly default: string;
  readonly does: string;
}

const LOG_LEVELS = ['debug', 'info', 'warn', 'error', 'silent'] as const;

/** Variables that system files name (`KEAP_API_KEY` ...) are not among these: `tandem validate` tells which are missing. */
export const VARIABLES: readonly Variable[] = [
  variable(
    'REDIS_URL',
    '',
    'Redis that holds links, queues and runs: `redis://`, `redis+sentinel://HOST:PORT,HOST:PORT/NAME`, or `redis+cluster://HOST:PORT,HOST:PORT`; `rediss` instead of `redis` for TLS. Needed by `start`, `server` and `worker`.',
  ),
  variable('TANDEM_HOST', '127.0.0.1', 'Address on which the server listens. Another than loopback needs a token.'),
  variable('TANDEM_PORT', '8080', 'Port on which the server listens; 0 takes a free one.'),
  variable(
    'TANDEM_HEALTH_PORT',
    '',
    'Port on which `worker` tells `/health/live`, `/health/ready` and `/metrics`; unset: it listens nowhere.',
  ),
  variable(
    'TANDEM_URL',
    'http://TANDEM_HOST:TANDEM_PORT',
    'Where commands such as `sync` and `status` find a running Tandem.',
  ),
  variable('TANDEM_READ_TOKEN', '', 'Bearer token that may read over HTTP.'),
  variable('TANDEM_API_TOKEN', '', 'Bearer token that may read and operate over HTTP; commands send it too.'),
  variable(
    'TANDEM_TRUST_PROXY',
    'off',
    'Addresses of reverse proxies (`10.0.0.5`, `10.0.0.0/8`, `loopback`, `uniquelocal`; several with commas) whose X-Forwarded-* headers tell who asks.',
  ),
  variable('TANDEM_CONFIG', 'the current folder', 'Folder that holds mappings/, systems/ and schemas/.'),
  variable(
    'TANDEM_PREFIX',
    'tandem',
    'First part of every Redis key. Several Tandems may share one Redis under different prefixes. In a Redis Cluster it is put in braces (`{tandem}`), so that all keys are in one slot.',
  ),
  variable(
    'TANDEM_PUBLIC_URL',
    '',
    'Address under which systems reach the server. When set, webhooks are registered and kept alive, and scans come rarely.',
  ),
  variable(
    'TANDEM_WEBHOOK_SECRET',
    'a random one, kept in Redis',
    'What the keys in webhook addresses are derived from.',
  ),
  variable(
    'TANDEM_ENCRYPTION_KEY',
    '',
    'Encrypts OAuth tokens in Redis; needed for systems with `auth: { kind: oauth2 }`. `new,old` changes it.',
  ),
  variable(
    'TANDEM_FINGERPRINT_KEY',
    'a random one, kept in Redis',
    'Makes the fingerprints of values that are kept in Redis. Once set it must stay the same.',
  ),
  variable('TANDEM_CONCURRENCY', '25', 'Records that one process brings into agreement at once, per mapping.'),
  variable(
    'TANDEM_DRAFTS',
    '2',
    'Drafts of mappings and previews that one server tries at once, each in a thread; more get 429. A thread takes about 60 MiB, and 128 MiB of heap at most.',
  ),
  variable('TANDEM_DRAFT_TIMEOUT', '10s', 'After this long of computing a draft or preview is ended.'),
  variable('TANDEM_SCHEDULES', 'on', '`off`: no scans by themselves, only what is triggered.'),
  variable(
    'TANDEM_LOCK_DURATION',
    '30s',
    'After this long without a sign of life of its worker, a job and its records are taken over by another.',
  ),
  variable('TANDEM_LOG_LEVEL', 'info', 'debug, info, warn, error or silent.'),
  variable(
    'OTEL_EXPORTER_OTLP_ENDPOINT',
    '',
    'Where traces are sent (OTLP over HTTP, such as `http://127.0.0.1:4318`), with the other variables of OpenTelemetry; unset: none are made.',
  ),
  variable('TANDEM_DEBUG', '', 'Any value: errors of commands are printed with their stack.'),
];

function variable(name: string, standard: string, does: string): Variable {
  return { name, default: standard, does };
}

/** Reads one variable after the other, and collects what is wrong with them. */
function createReader(env: Env) {
  const wrong: string[] = [];
  // An empty variable is an unset one: that is how compose files and shells hand over what nobody set.
  const text = (name: string): string | undefined => (env[name]?.trim() ? env[name].trim() : undefined);
  const complain = (name: string, needs: string): undefined => void wrong.push(`${name} must be ${needs}`);

  const whole = <T extends number | undefined>(name: string, standard: T, least: number, most: number): T | number => {
    const given = text(name);
    if (given === undefined) return standard;
    const number = /^\d{1,9}$/.test(given) ? Number(given) : Number.NaN;
    if (number >= least && number <= most) return number;
    complain(name, `a whole number from ${least} to ${most}`);
    return standard;
  };
  const address = (name: string): string | undefined => {
    const given = text(name);
    if (given === undefined) return undefined;
    const url = URL.canParse(given) ? new URL(given) : undefined;
    if (url && /^https?:$/.test(url.protocol) && !url.username && !url.password && !url.search && !url.hash) {
      return given.replace(/\/+$/, '');
    }
    return complain(name, 'an address such as https://sync.example.com, without password, query or fragment');
  };
  const token = (name: string): string | undefined => {
    const given = text(name);
    return given !== undefined && !/^[\x21-\x7e]+$/.test(given)
      ? complain(name, 'without spaces and special characters')
      : given;
  };
  const duration = (name: string, standard: string, least: number, most: number, needs: string): number => {
    const given = parseDuration(text(name) ?? standard) ?? 0;
    if (given < least || given > most) complain(name, needs);
    return given;
  };
  return { wrong, text, complain, whole, address, token, duration };
}

/** @throws Failure that names every variable that cannot be used, with what to write instead; never a secret */
export function readEnvironment(env: Env = process.env): Environment {
  const { wrong, text, complain, whole, address, token, duration } = createReader(env);
  const redisUrl = text('REDIS_URL');
  if (redisUrl !== undefined && parseRedisUrl(redisUrl) === undefined) complain('REDIS_URL', REDIS_URL_FORMS);
  const host = text('TANDEM_HOST') ?? '127.0.0.1';
  if (!/^[A-Za-z0-9.:-]+$/.test(host)) complain('TANDEM_HOST', 'an address or host name without a port');
  const port = whole('TANDEM_PORT', 8080, 0, 65_535);
  const healthPort = whole('TANDEM_HEALTH_PORT', undefined, 0, 65_535);
  const prefix = text('TANDEM_PREFIX') ?? 'tandem';
  if (!/^[A-Za-z0-9:_.-]{1,64}$/.test(prefix))
    complain('TANDEM_PREFIX', 'letters, digits and : _ . - only, 64 at most');
  const schedules = (text('TANDEM_SCHEDULES') ?? 'on').toLowerCase();
  if (schedules !== 'on' && schedules !== 'off') complain('TANDEM_SCHEDULES', 'on or off');
  const logLevel = (text('TANDEM_LOG_LEVEL') ?? 'info').toLowerCase();
  if (!isLogLevel(logLevel)) complain('TANDEM_LOG_LEVEL', `one of ${LOG_LEVELS.join(', ')}`);
  const durationNeeds = 'a duration from 1s to 10m, such as 30s';
  const lockDuration = duration('TANDEM_LOCK_DURATION', '30s', 1_000, 600_000, durationNeeds);
  const concurrency = whole('TANDEM_CONCURRENCY', 25, 1, 1_000);
  const drafts = whole('TANDEM_DRAFTS', 2, 1, 100);
  const timeoutNeeds = 'a duration from 100ms to 1m, such as 10s';
  const draftTimeout = duration('TANDEM_DRAFT_TIMEOUT', '10s', 100, 60_000, timeoutNeeds);
  const publicUrl = address('TANDEM_PUBLIC_URL');
  const url = address('TANDEM_URL') ?? `http://${reachable(host)}:${port}`;
  const readToken = token('TANDEM_READ_TOKEN');
  const apiToken = token('TANDEM_API_TOKEN');

  if (apiToken !== undefined && apiToken === readToken)
    complain('TANDEM_READ_TOKEN', 'another than TANDEM_API_TOKEN, or all who may read may operate');
  const trusted = proxiesIn(text('TANDEM_TRUST_PROXY') ?? 'off');
  if (!trusted.every(isProxy))
    complain('TANDEM_TRUST_PROXY', 'off, or addresses such as 10.0.0.5, 10.0.0.0/8 or loopback, with commas between');

  if (wrong.length > 0) {
    const remedy = 'Set or unset what is named: tandem --help lists the variables.';
    throw new Failure('CONFIG_ENV', `${wrong.join('. ')}.`, remedy);
  }
  return {
    redisUrl,
    host,
    port,
    healthPort,
    prefix: keyPrefix(redisUrl, prefix),
    config: resolve(text('TANDEM_CONFIG') ?? '.'),
    readToken,
    apiToken,
    trustProxy: trusted,
    publicUrl,
    webhookSecret: text('TANDEM_WEBHOOK_SECRET'),
    encryptionKey: text('TANDEM_ENCRYPTION_KEY'),
    fingerprintKey: text('TANDEM_FINGERPRINT_KEY'),
    concurrency,
    drafts,
    draftTimeout,
    schedules: schedules === 'on',
    logLevel: isLogLevel(logLevel) ? logLevel : 'info',
    lockDuration,
    url,
  };
}

function proxiesIn(text: string): string[] {
  const given = text.split(',').map((one) => one.trim().toLowerCase());
  return given.join() === 'off' ? [] : given;
}

/** An address, a network, or a name for several. Not "everybody": then anybody could claim to be anybody. */
function isProxy(text: string): boolean {
  if (['loopback', 'linklocal', 'uniquelocal'].includes(text)) return true;
  const [address = '', bits, ...rest] = text.split('/');
  const longest = isIP(address) === 4 ? 32 : 128;
  return (
    isIP(address) !== 0 &&
    rest.length === 0 &&
    (bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) >= 1 && Number(bits) <= longest))
  );
}

export const isLogLevel = (text: string): text is LogLevel => LOG_LEVELS.some((level) => level === text);

/** Folder of Tandem's package.json; cli/ stands in it, or in its dist/. */
export function packageRoot(): string {
  const start = dirname(fileURLToPath(import.meta.url));
  for (let folder = start; ; folder = dirname(folder)) {
    if (existsSync(join(folder, 'package.json'))) return folder;
    if (folder === dirname(folder)) return start;
  }
}

export function packageVersion(): string {
  const parsed = JSON.parse(readFileSync(join(packageRoot(), 'package.json'), 'utf8')) as { version?: string };
  return parsed.version ?? '0.0.0';
}

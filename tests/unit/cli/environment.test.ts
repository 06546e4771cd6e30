// The environment is read and checked in one place; the table of variables is the one that people read.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { Failure } from '../../../cli/failure.ts';
import { packageRoot, readEnvironment, VARIABLES } from '../../../cli/process/environment.ts';
import { ROOT } from './spawn.ts';

const failureOf = (env: Record<string, string>): Failure => {
  try {
    readEnvironment(env);
  } catch (error) {
    if (error instanceof Failure) return error;
    throw error;
  }
  throw new Error('It was accepted.');
};

/** The variables as docs/environment.md holds them. */
function variablesTable(): string {
  const rows = VARIABLES.map(({ name, default: standard, does }) => {
    const shown = standard === '' ? '' : standard.includes(' ') ? standard : `\`${standard}\``;
    return `| \`${name}\` | ${shown} | ${does} |`;
  });
  return ['| variable | default | what it does |', '| --- | --- | --- |', ...rows].join('\n');
}

describe('readEnvironment', () => {
  it('has a default for everything but secrets and Redis', () => {
    expect(readEnvironment({})).toEqual({
      redisUrl: undefined,
      host: '127.0.0.1',
      port: 8080,
      prefix: 'tandem',
      config: process.cwd(),
      readToken: undefined,
      apiToken: undefined,
      trustProxy: [],
      publicUrl: undefined,
      webhookSecret: undefined,
      encryptionKey: undefined,
      concurrency: 25,
      drafts: 2,
      draftTimeout: 10_000,
      schedules: true,
      logLevel: 'info',
      lockDuration: 30_000,
      url: 'http://127.0.0.1:8080',
    });
  });

  it('takes an empty variable as an unset one', () => {
    const empty = Object.fromEntries(VARIABLES.map(({ name }) => [name, '']));
    expect(readEnvironment(empty)).toEqual(readEnvironment({}));
    expect(readEnvironment({ TANDEM_PORT: '  ' }).port).toBe(8080);
  });

  it('reads every variable', () => {
    const environment = readEnvironment({
      REDIS_URL: 'rediss://:secret@redis.example.com:6380/1',
      TANDEM_HOST: '0.0.0.0',
      TANDEM_PORT: '0',
      TANDEM_PREFIX: 'shop:1',
      TANDEM_CONFIG: '/somewhere',
      TANDEM_READ_TOKEN: 'r',
      TANDEM_API_TOKEN: 'a',
      TANDEM_PUBLIC_URL: 'https://sync.example.com/base/',
      TANDEM_TRUST_PROXY: 'loopback, 10.0.0.0/8,2001:db8::1',
      TANDEM_WEBHOOK_SECRET: 'w',
      TANDEM_ENCRYPTION_KEY: 'e',
      TANDEM_CONCURRENCY: '3',
      TANDEM_DRAFTS: '1',
      TANDEM_DRAFT_TIMEOUT: '500ms',
      TANDEM_SCHEDULES: 'OFF',
      TANDEM_LOG_LEVEL: 'Warn',
      TANDEM_LOCK_DURATION: '2m',
      TANDEM_URL: 'https://tandem.example.com/',
    });
    expect(environment).toEqual({
      redisUrl: 'rediss://:secret@redis.example.com:6380/1',
      host: '0.0.0.0',
      port: 0,
      prefix: 'shop:1',
      config: '/somewhere',
      readToken: 'r',
      apiToken: 'a',
      trustProxy: ['loopback', '10.0.0.0/8', '2001:db8::1'],
      publicUrl: 'https://sync.example.com/base',
      webhookSecret: 'w',
      encryptionKey: 'e',
      concurrency: 3,
      drafts: 1,
      draftTimeout: 500,
      schedules: false,
      logLevel: 'warn',
      lockDuration: 120_000,
      url: 'https://tandem.example.com',
    });
  });

  it('looks for a Tandem where the server of the same environment listens', () => {
    expect(readEnvironment({ TANDEM_HOST: '0.0.0.0', TANDEM_PORT: '9000' }).url).toBe('http://127.0.0.1:9000');
    expect(readEnvironment({ TANDEM_HOST: '::' }).url).toBe('http://[::1]:8080');
  });

  it.each([
    ['REDIS_URL', 'localhost:6379'],
    ['REDIS_URL', 'http://localhost'],
    ['TANDEM_HOST', 'a b'],
    ['TANDEM_PORT', '80a'],
    ['TANDEM_PORT', '65536'],
    ['TANDEM_PORT', '-1'],
    ['TANDEM_PREFIX', '{x}'],
    ['TANDEM_PREFIX', 'a b'],
    ['TANDEM_PUBLIC_URL', 'sync.example.com'],
    ['TANDEM_PUBLIC_URL', 'ftp://sync.example.com'],
    ['TANDEM_PUBLIC_URL', 'https://user:password@sync.example.com'],
    ['TANDEM_PUBLIC_URL', 'https://sync.example.com?a=1'],
    ['TANDEM_URL', 'nowhere'],
    ['TANDEM_READ_TOKEN', 'two words'],
    ['TANDEM_API_TOKEN', 'tökén'],
    ['TANDEM_TRUST_PROXY', 'on'],
    ['TANDEM_TRUST_PROXY', 'true'],
    ['TANDEM_TRUST_PROXY', '1'],
    ['TANDEM_TRUST_PROXY', '0.0.0.0/0'],
    ['TANDEM_TRUST_PROXY', '10.0.0.0/33'],
    ['TANDEM_TRUST_PROXY', '10.0.0.1,proxy.example'],
    ['TANDEM_CONCURRENCY', '0'],
    ['TANDEM_CONCURRENCY', '1e3'],
    ['TANDEM_DRAFTS', '0'],
    ['TANDEM_DRAFT_TIMEOUT', '10'],
    ['TANDEM_DRAFT_TIMEOUT', '2m'],
    ['TANDEM_SCHEDULES', 'maybe'],
    ['TANDEM_LOG_LEVEL', 'loud'],
    ['TANDEM_LOCK_DURATION', '30'],
    ['TANDEM_LOCK_DURATION', '10ms'],
  ])('refuses %s=%s by its name, with exit status 2', (name, value) => {
    const failure = failureOf({ [name]: value });
    expect(failure).toMatchObject({ code: 'CONFIG_ENV', status: 2 });
    expect(failure.message).toContain(`${name} must be `);
  });

  it('refuses one token for reading and for operating', () => {
    const { message } = failureOf({ TANDEM_READ_TOKEN: 'the-same-token', TANDEM_API_TOKEN: 'the-same-token' });
    expect(message).toMatch(/^TANDEM_READ_TOKEN must be another than TANDEM_API_TOKEN/);
    expect(message).not.toContain('the-same-token');
  });

  it('tells all faults at once, and no secret', () => {
    const { message } = failureOf({
      TANDEM_PORT: 'x',
      TANDEM_CONCURRENCY: 'y',
      TANDEM_API_TOKEN: 'my secret',
      REDIS_URL: 'redis:/hunter2',
    });
    expect(message).toMatch(/TANDEM_PORT.*TANDEM_CONCURRENCY/);
    expect(message).not.toContain('my secret');
    expect(message).not.toContain('hunter2');
  });
});

describe('the table of variables', () => {
  it('names each once and lists no other than those that are read', () => {
    const names = VARIABLES.map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
    const read = new Set<string>();
    readEnvironment(new Proxy({}, { get: (_, name) => void read.add(String(name)) }) as Record<string, undefined>);
    // Read where errors are printed, which must work when the environment is wrong.
    read.add('TANDEM_DEBUG');
    // Read where tracing begins, as its packages read theirs.
    read.add('OTEL_EXPORTER_OTLP_ENDPOINT');
    expect([...read].sort()).toEqual([...names].sort());
  });

  it.skipIf(!existsSync(join(ROOT, 'docs', 'environment.md')))('stands in docs/environment.md as it is', () => {
    expect(readFileSync(join(packageRoot(), 'docs', 'environment.md'), 'utf8')).toContain(variablesTable());
  });
});

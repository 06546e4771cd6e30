// No line of the log holds a secret of this process or a value of a record, whatever was logged.
import { Writable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { createLogger, loggedError } from '../../../cli/process/log.ts';
import { createSecrets } from '../../../cli/process/secrets.ts';
import type { SystemConfig } from '../../../engine/config/types.ts';
import { TandemError } from '../../../engine/errors.ts';

const system = (auth: SystemConfig['auth'], secret?: string) =>
  ({ auth, webhooks: secret === undefined ? undefined : { signature: { secret } } }) as unknown as SystemConfig;

function written(pretty: boolean, redact: (text: string) => string) {
  const lines: string[] = [];
  const to = new Writable({
    write(chunk, _, done) {
      lines.push(String(chunk));
      done();
    },
  });
  return { lines, logger: createLogger('debug', to, pretty, redact) };
}

describe('secrets', () => {
  const secrets = createSecrets({
    TANDEM_API_TOKEN: 'api-canary-1',
    TANDEM_ENCRYPTION_KEY: 'new-canary-2,old-canary-3',
    SHOP_PASSWORD: 'pass"canary\\4',
    REDIS_URL: 'redis://:redis%2Fcanary5@127.0.0.1:6379',
    KEAP_API_KEY: 'key-canary-6',
    SHORT_TOKEN: 'abc',
    PATH: '/usr/bin:/bin',
  });
  secrets.learn([
    system({ kind: 'header', header: 'X', value: 'header-canary-7' }, 'sign-canary-8'),
    system({ kind: 'bearer', token: 'bearer-canary-9' }),
    system({ kind: 'basic', user: 'user', password: 'basic-canary-10' }),
    system({
      kind: 'oauth2',
      tokenUrl: '',
      clientId: 'id',
      clientSecret: 'client-canary-11',
      refreshToken: 'refresh-canary-12',
      scope: undefined,
    }),
  ]);
  const all = [
    'api-canary-1',
    'new-canary-2',
    'old-canary-3',
    'pass"canary\\4',
    'redis/canary5',
    'redis%2Fcanary5',
    'key-canary-6',
    'header-canary-7',
    'sign-canary-8',
    'bearer-canary-9',
    'basic-canary-10',
    'client-canary-11',
    'refresh-canary-12',
    Buffer.from('user:basic-canary-10').toString('base64'),
  ];

  it.each([false, true])('are in no line (pretty: %s), wherever they stand', (pretty) => {
    const { lines, logger } = written(pretty, secrets.redact);
    for (const secret of all) {
      logger.info({ where: `before ${secret} after`, [secret]: 1, deep: { list: [secret] } }, `said ${secret}`);
      logger.error({ err: new TandemError('INTERNAL', `with ${secret}`, { cause: new Error(`in ${secret}`) }) }, 'x');
      logger.warn({ url: `https://x/?k=${encodeURIComponent(secret)}` }, 'x');
    }
    expect(lines).toHaveLength(all.length * 3);
    expect(lines.join('')).not.toMatch(/canary/);
    expect(lines.join('')).toContain('[secret]');
  });

  it('are the only words that the log hides', () => {
    const { lines, logger } = written(false, secrets.redact);
    logger.info({ text: 'abc /usr/bin:/bin 127.0.0.1' }, 'token');
    expect(lines.join('')).toContain('abc /usr/bin:/bin 127.0.0.1');
  });
});

describe('errors in the log', () => {
  it('tell their kind and place, not what they quote nor what they carry', () => {
    const error = Object.assign(new TypeError(`Cannot create property 'x' on string 'Ann Smith'`), {
      command: { name: 'set', args: ['key', 'Ann Smith'] },
      code: 'E_CODE',
    });
    const logged = loggedError(new TandemError('INTERNAL', 'It failed', { cause: error }));
    expect(logged).toMatchObject({
      type: 'TandemError',
      code: 'INTERNAL',
      message: 'It failed',
      cause: {
        type: 'TypeError',
        code: 'E_CODE',
        message: 'Cannot create property […]',
        stack: expect.arrayContaining([expect.stringContaining('unit/cli/log.test.')]),
      },
    });
    expect(JSON.stringify(logged)).not.toContain('Ann');
  });

  it('are written in bounds, also where their causes form a circle', () => {
    const error = new Error('round');
    error.cause = error;
    expect(JSON.stringify(loggedError(error)).length).toBeLessThan(20_000);
    expect(loggedError('thrown "Ann"')).toEqual({ type: 'string', message: 'thrown […]' });
  });
});

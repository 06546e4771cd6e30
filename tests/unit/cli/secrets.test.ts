// Whatever form a secret has in the environment, no text keeps it.
import { describe, expect, it } from 'vitest';
import { createSecrets } from '../../../cli/process/secrets.ts';

const PASSWORD = 'p@ss w/ord:1';
const ENCODED = encodeURIComponent(PASSWORD);
const said = (env: Record<string, string>, text: string): string => createSecrets(env).redact(text);

describe.each([
  ['of one Redis', 'REDIS_URL', `redis://:${ENCODED}@127.0.0.1:6379`],
  ['with a user and TLS', 'REDIS_URL', `rediss://me:${ENCODED}@redis.example.com:6380/2`],
  ['of sentinels', 'REDIS_URL', `redis+sentinel://me:${ENCODED}@one:26379,two:26379/main/3`],
  ['of sentinels with a password of their own', 'REDIS_URL', `rediss+sentinel://one/main?sentinelPassword=${ENCODED}`],
  ['of a cluster', 'REDIS_URL', `redis+cluster://:${ENCODED}@one:7000,two:7001`],
  ['with the password as a parameter', 'REDIS_URL', `redis://127.0.0.1:6379?password=${ENCODED}`],
  ['of a proxy', 'HTTPS_PROXY', `http://me:${ENCODED}@proxy.example.com:3128`],
  ['of a proxy in small letters', 'https_proxy', `http://me:${ENCODED}@proxy.example.com:3128`],
  ['of a proxy for everything', 'ALL_PROXY', `socks5://me:${ENCODED}@proxy.example.com:1080`],
  ['of the collector of traces', 'OTEL_EXPORTER_OTLP_ENDPOINT', `https://me:${ENCODED}@collector.example.com`],
])('the password in an address %s', (_, name, url) => {
  it('a password of the environment is taken out of the log as it was given and as it is used', () => {
    const text = said({ [name]: url }, `one ${url} two ${PASSWORD} three ${ENCODED}`);
    for (const secret of [ENCODED, PASSWORD]) expect(text).not.toContain(secret);
    expect(text).toMatch(/^one .*two .* three /);
  });
});

it.each(['redis://:un/encoded@one:6379', 'redis+cluster://un/encoded@one,two', 'redis://un/encoded@[::1'])(
  'a password in an address of Redis that cannot be used is taken out: %s',
  (url) => {
    expect(said({ REDIS_URL: url }, `${url} un/encoded`)).not.toContain('un/encoded');
  },
);

it('the encoded user and password that a proxy is sent are taken out', () => {
  const pair = Buffer.from(`me:${PASSWORD}`).toString('base64');
  expect(said({ HTTP_PROXY: `http://me:${ENCODED}@proxy` }, `Proxy-Authorization: Basic ${pair}`)).toBe(
    'Proxy-Authorization: Basic [secret]',
  );
});

it.each(['OTEL_EXPORTER_OTLP_HEADERS', 'OTEL_EXPORTER_OTLP_TRACES_HEADERS'])('values of %s are taken out', (name) => {
  const value = 'x-honeycomb-team=abcdef123456,authorization=Bearer%20xyz.987654';
  const text = said({ [name]: value }, `${value} | Bearer xyz.987654 | xyz.987654`);
  expect(text).not.toMatch(/abcdef123456|xyz\.987654/);
});

it('addresses without secrets stay as they are', () => {
  const env = { REDIS_URL: 'redis+cluster://one:7000,two:7001', TANDEM_PUBLIC_URL: 'https://sync.example.com/a@b' };
  const text = Object.values(env).join(' ');
  expect(said(env, text)).toBe(text);
});

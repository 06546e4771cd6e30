// What REDIS_URL may be, and how it is shown.
import { describe, expect, it } from 'vitest';
import { keyPrefix, parseRedisUrl, shownRedisUrl } from '../../../engine/queue/connection.ts';

describe('an address', () => {
  it.each(['redis://127.0.0.1:6379', 'rediss://:secret@redis.example.com:6380/2'])(
    'is accepted for one Redis: %s',
    (url) => {
      expect(parseRedisUrl(url)).toBe(url);
    },
  );

  it('is parsed for sentinels', () => {
    expect(parseRedisUrl('redis+sentinel://one:26379,two,[::1]:26381/main')).toMatchObject({
      name: 'main',
      db: 0,
      sentinels: [
        { host: 'one', port: 26_379 },
        { host: 'two', port: 26_379 },
        { host: '::1', port: 26_381 },
      ],
    });
    expect(parseRedisUrl('redis+sentinel://me:p%40ss@one:1/main/3')).toMatchObject({
      username: 'me',
      password: 'p@ss',
      db: 3,
    });
    expect(parseRedisUrl('rediss+sentinel://one/main?sentinelPassword=p%40ss')).toMatchObject({
      sentinelPassword: 'p@ss',
      tls: {},
      enableTLSForSentinelMode: true,
      sentinelTLS: {},
    });
  });

  it('is parsed for a cluster', () => {
    expect(parseRedisUrl('redis+cluster://one:7000,two,[::1]:7002')).toEqual({
      nodes: [
        { host: 'one', port: 7_000 },
        { host: 'two', port: 6_379 },
        { host: '::1', port: 7_002 },
      ],
    });
    expect(parseRedisUrl('rediss+cluster://me:p%40ss@one')).toEqual({
      nodes: [{ host: 'one', port: 6_379 }],
      username: 'me',
      password: 'p@ss',
      tls: {},
    });
  });

  it.each([
    '',
    'one:6379',
    'http://one',
    'redis:///x',
    'redis+sentinel://one:26379',
    'redis+sentinel:///main',
    'redis+sentinel://one:x/main',
    'redis+cluster://',
    'redis+cluster://one:x',
    'redis+cluster://one,,two',
    'redis+cluster://one/0',
    'redis+cluster://one?sentinelPassword=x',
    'redis+other://one',
  ])('is refused: %s', (url) => expect(parseRedisUrl(url)).toBeUndefined());
});

it('a Redis URL is shown without what is secret', () => {
  expect(shownRedisUrl('rediss://me:secret@one:6380/2')).toBe('rediss://one:6380/2');
  expect(shownRedisUrl('redis+sentinel://me:secret@one:1,two:2/main')).toBe('redis+sentinel://one:1,two:2/main');
  expect(shownRedisUrl('redis+sentinel://one/main?sentinelPassword=secret')).toBe('redis+sentinel://one/main');
  expect(shownRedisUrl('rediss+cluster://me:secret@one:1,two:2')).toBe('rediss+cluster://one:1,two:2');
  expect(shownRedisUrl('secret')).toBe('REDIS_URL');
});

it('the prefix of a cluster has a hash tag before all keys, any other leaves them as they are', () => {
  expect(keyPrefix('redis+cluster://one', 'tandem')).toBe('{tandem}');
  for (const url of ['redis://one', 'redis+sentinel://one/main', undefined])
    expect(keyPrefix(url, 'tandem')).toBe('tandem');
});

// What REDIS_URL may be, and how it is shown.
import { describe, expect, it } from 'vitest';
import { parseRedisUrl, shownRedisUrl } from '../../../engine/queue/connection.ts';

describe('an address', () => {
  it.each(['redis://127.0.0.1:6379', 'rediss://:secret@redis.example.com:6380/2'])('of one Redis: %s', (url) => {
    expect(parseRedisUrl(url)).toBe(url);
  });

  it('of sentinels', () => {
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
  });

  it.each([
    '',
    'one:6379',
    'http://one',
    'redis:///x',
    'redis+sentinel://one:26379',
    'redis+sentinel:///main',
    'redis+sentinel://one:x/main',
  ])('is none: %s', (url) => expect(parseRedisUrl(url)).toBeUndefined());
});

it('is shown without what is secret', () => {
  expect(shownRedisUrl('rediss://me:secret@one:6380/2')).toBe('rediss://one:6380/2');
  expect(shownRedisUrl('redis+sentinel://me:secret@one:1,two:2/main')).toBe('redis+sentinel://one:1,two:2/main');
  expect(shownRedisUrl('secret')).toBe('REDIS_URL');
});

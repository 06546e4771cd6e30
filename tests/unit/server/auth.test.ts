// What counts as this machine, and secrets in constant time.
import { expect, test } from 'vitest';
import { sameSecret } from '../../../server/auth.ts';
import { isLoopback, reachable } from '../../../server/listen.ts';

test.each(['localhost', 'LOCALHOST', 'api.localhost', '127.0.0.1', '127.1.2.3', '::1', '[::1]'])(
  '%s is this machine only',
  (host) => {
    expect(isLoopback(host)).toBe(true);
  },
);

test.each([
  '',
  '0.0.0.0',
  '::',
  '10.0.0.1',
  '128.0.0.1',
  '127.0.0.1.evil.example',
  'localhost.evil.example',
  'notlocalhost',
  '127.evil.example',
])('%s may be reached by others', (host) => {
  expect(isLoopback(host)).toBe(false);
});

test('secrets of any length are compared', () => {
  expect(sameSecret('abc', 'abc')).toBe(true);
  expect(sameSecret('abc', 'abcd')).toBe(false);
  expect(sameSecret('', 'abc')).toBe(false);
});

test('a server that listens on all addresses is reached at the local address', () => {
  expect(['0.0.0.0', '::', '::1', 'example.com'].map(reachable)).toEqual([
    '127.0.0.1',
    '[::1]',
    '[::1]',
    'example.com',
  ]);
});

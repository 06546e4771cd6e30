// Secrets in constant time, and the address at which a server is reached.
import { expect, test } from 'vitest';
import { sameSecret } from '../../../server/auth.ts';
import { reachable } from '../../../server/listen.ts';

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

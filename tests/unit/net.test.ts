/** Which hosts are this machine only: what is allowed there, without encryption or tokens, must not leave it. */
import { expect, test } from 'vitest';
import { isLoopback } from '../../engine/net.ts';

test.each(['localhost', 'LOCALHOST', 'api.localhost', 'API.LocalHost', '127.0.0.1', '127.1.2.3', '::1', '[::1]'])(
  '%s is this machine only',
  (host) => {
    expect(isLoopback(host)).toBe(true);
  },
);

test.each([
  '',
  '0.0.0.0',
  '::',
  '[::]',
  '[::1',
  '::1]',
  '10.0.0.1',
  '128.0.0.1',
  '127.0.0.256',
  '127.0.0.1.evil.example',
  'localhost.evil.example',
  'localhost.',
  'notlocalhost',
  '127.evil.example',
  '::ffff:10.0.0.1',
])('%s may be reached by others', (host) => {
  expect(isLoopback(host)).toBe(false);
});

test.each(['http://127.1/', 'http://LocalHost:8080/', 'http://[0:0:0:0:0:0:0:1]/'])('%s: as URL writes it', (url) => {
  expect(isLoopback(new URL(url).hostname)).toBe(true);
});

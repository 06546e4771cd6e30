/** The key of the fingerprints: where it comes from, and what happens where it is another one. */
import { beforeEach, describe, expect, it } from 'vitest';
import {
  adoptFingerprints,
  createFingerprinter,
  fingerprintRecord,
  openFingerprinter,
  watchKey,
} from '../../../engine/store/fingerprints.ts';
import { uniquePrefix } from '../../support/redis.ts';
import { redisOfFile } from '../../support/redis-of-file.ts';

const redis = redisOfFile();

let prefix: string;
beforeEach(() => {
  prefix = uniquePrefix();
});
const open = (fingerprintKey?: string, encryptionKey?: string) =>
  openFingerprinter(redis, prefix, { fingerprintKey, encryptionKey });
const kept = () => redis.hget(`${prefix}:fingerprints`, 'key');

describe('tokens', () => {
  const { token, of } = createFingerprinter(new Uint8Array(32).fill(1));

  it('are 11 characters, the same for the same text, and different under another key', () => {
    expect(token('office@acme.example')).toMatch(/^[\w-]{11}$/);
    expect(token('office@acme.example')).toBe(token('office@acme.example'));
    expect(token('office@acme.example')).not.toBe(
      createFingerprinter(new Uint8Array(32).fill(2)).token('office@acme.example'),
    );
  });

  it('are empty for an empty value, and equal for values that are equal under their type', () => {
    expect([token(''), of(null, { type: 'string' }), of([], { type: 'list' })]).toEqual(['', '', '']);
    expect(of('1.50', { type: 'decimal' })).toBe(of(1.5, { type: 'decimal' }));
  });
});

describe('the key of an installation', () => {
  it('is TANDEM_FINGERPRINT_KEY, which is not kept in Redis', async () => {
    const { token } = await open('a key');
    expect((await open('a key')).token('x')).toBe(token('x'));
    expect(await kept()).toBeNull();
  });

  it('is a random one that all processes share where none is set', async () => {
    const [a, b] = await Promise.all([open(), open()]);
    expect(a.token('x')).toBe(b.token('x'));
    const other = await openFingerprinter(redis, uniquePrefix(), {});
    expect(other.token('x')).not.toBe(a.token('x'));
  });

  it('is encrypted in Redis where there is an encryption key, which may be changed', async () => {
    const { token } = await open();
    expect(await kept()).toMatch(/^plain:/);
    for (const key of ['first', 'second,first', 'second'])
      expect((await open(undefined, key)).token('x')).toBe(token('x'));
    expect(await kept()).toMatch(/^sealed:/);
    await expect(open(undefined, 'third')).rejects.toMatchObject({
      code: 'STARTUP_REFUSED',
      message: expect.stringContaining('another TANDEM_ENCRYPTION_KEY'),
    });
    await expect(open()).rejects.toMatchObject({ code: 'STARTUP_REFUSED' });
  });

  it('is put back into a Redis that was emptied, unless another process was first', async () => {
    const running = await open();
    await redis.del(`${prefix}:fingerprints`);
    await running.keep(redis);
    expect((await open()).token('x')).toBe(running.token('x'));
    await running.keep(redis);
    await redis.del(`${prefix}:fingerprints`);
    await open();
    await expect(running.keep(redis)).rejects.toMatchObject({ code: 'STARTUP_REFUSED' });
  });

  it('is put back after FLUSHALL, which ends no connection', async () => {
    const running = await open();
    const stop = watchKey(redis, running, 10);
    try {
      await redis.del(`${prefix}:fingerprints`);
      await expect.poll(kept).not.toBeNull();
      expect((await open()).token('x')).toBe(running.token('x'));
    } finally {
      stop();
    }
  });

  it('is taken over from a copy when nothing was made with another key', async () => {
    const there = await open(undefined, 'secret');
    const record = await fingerprintRecord(redis, prefix);
    expect(record.key).toMatch(/^sealed:/);
    prefix = uniquePrefix();
    const adopt = (keys: { fingerprintKey?: string; encryptionKey?: string }, unused = true, dry = false) =>
      adoptFingerprints(redis, prefix, keys, record, { unused, dry });
    await expect(adopt({ encryptionKey: 'other' })).rejects.toMatchObject({
      message: expect.stringContaining('encrypted'),
    });
    await adopt({ encryptionKey: 'secret' }, true, true);
    expect(await fingerprintRecord(redis, prefix)).toEqual({ check: '' });
    await open(undefined, 'secret');
    await expect(adopt({ encryptionKey: 'secret' }, false)).rejects.toMatchObject({ code: 'BAD_REQUEST' });
    await adopt({ encryptionKey: 'secret' });
    expect((await open(undefined, 'secret')).token('x')).toBe(there.token('x'));
    await adopt({ encryptionKey: 'secret' }, false);
  });

  it('must be set when a copy was made with TANDEM_FINGERPRINT_KEY', async () => {
    await open('a key');
    const record = await fingerprintRecord(redis, prefix);
    prefix = uniquePrefix();
    const adopt = (fingerprintKey?: string) =>
      adoptFingerprints(redis, prefix, { fingerprintKey }, record, { unused: true, dry: false });
    for (const key of [undefined, 'other'])
      await expect(adopt(key)).rejects.toMatchObject({ message: expect.stringContaining('TANDEM_FINGERPRINT_KEY') });
    await adopt('a key');
    await expect(open('a key')).resolves.toBeDefined();
  });

  it.each([
    ['another one', 'a key', 'other'],
    ['none any more', 'a key', undefined],
    ['one where there was none', undefined, 'a key'],
  ])('is refused in plain words where it is %s', async (_, before, after) => {
    await open(before);
    await expect(open(after)).rejects.toMatchObject({
      code: 'STARTUP_REFUSED',
      message: expect.stringContaining('TANDEM_FINGERPRINT_KEY'),
    });
    await expect(open(before)).resolves.toBeDefined();
  });
});

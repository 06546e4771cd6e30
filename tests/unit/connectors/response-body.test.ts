// What a response holds is counted without parsing it, and refused where it is more than it may be.
import { Readable } from 'node:stream';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  createCount,
  mostRecords,
  pageLimits,
  RECORD_LIMITS,
  readBody,
  TooMuch,
} from '../../../engine/connectors/http/response-body.ts';

const valuesIn = (value: unknown): number =>
  typeof value === 'object' && value !== null
    ? Object.values(value).reduce<number>((sum, inner) => sum + valuesIn(inner), 1)
    : 1;

/** A body in parts that end anywhere, also within a character or an escape. */
const inParts = (text: string, size: number): Readable => {
  const bytes = Buffer.from(text);
  const parts = Array.from({ length: Math.ceil(bytes.length / size) }, (_, i) =>
    bytes.subarray(i * size, (i + 1) * size),
  );
  return Readable.from(parts);
};

describe('the count of values', () => {
  test('is that of the parsed value, wherever the parts end and however it is written', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 5 }), fc.integer({ min: 1, max: 7 }), fc.nat(2), (value, size, indent) => {
        const text = JSON.stringify(value, undefined, indent);
        const bytes = Buffer.from(text);
        const count = createCount();
        let found = 0;
        for (let at = 0; at < bytes.length; at += size) found = count.add(bytes.subarray(at, at + size));
        expect(found).toBe(valuesIn(JSON.parse(text)));
      }),
    );
  });

  test('takes brackets and commas within texts for what they are', () => {
    expect(createCount().add(Buffer.from('{"a,[{":"\\\\\\",[","b":"]}"}'))).toBe(3);
  });

  test('knows the longest number, and no digits of texts', () => {
    const count = createCount();
    count.add(Buffer.from('["1234567890", 12'));
    count.add(Buffer.from('345, -1.5e10]'));
    expect(count.digits()).toBe(5);
  });
});

describe('a body', () => {
  const limits = { bytes: 100, values: 10 };
  const read = (text: string, size = 7) => readBody(inParts(text, size), limits, 1_000);

  test('within its limits is read whole', async () => {
    const text = '{"name":"Ä","list":[1,2]}';
    expect((await read(text, 1)).toString()).toBe(text);
  });

  test.each([
    ['bytes', `"${'x'.repeat(200)}"`, 'answered more than 0.09765625 KiB'],
    ['values', `[${'[],'.repeat(20)}1]`, 'answered more than 10 values'],
  ])('with too many %s is refused before its end', async (_, text, message) => {
    let ended = false;
    async function* endless(): AsyncGenerator<Buffer> {
      try {
        yield Buffer.from(text);
        // A reader that goes on would wait for ever.
        for (;;) yield Buffer.from(' ');
      } finally {
        ended = true;
      }
    }
    const body = Object.assign(endless(), { destroy: () => {} });
    await expect(readBody(body, limits, 1_000)).rejects.toEqual(new TooMuch(message));
    expect(ended).toBe(true);
  });

  test('with a number of more than 1000 digits is refused', async () => {
    const body = inParts(`{"n":${'9'.repeat(2_000)}}`, 300);
    await expect(readBody(body, RECORD_LIMITS, 1_000)).rejects.toThrow('a number of more than 1000 digits');
  });

  test('that never ends is refused in time', async () => {
    async function* slow(): AsyncGenerator<Buffer> {
      for (;;) {
        yield Buffer.from(' ');
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
    }
    const body = Object.assign(slow(), { destroy: () => {} });
    await expect(readBody(body, RECORD_LIMITS, 30)).rejects.toThrow('took too long');
  });
});

test('the limits of a page allow twice its declared size, and never more than the limits of any page', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 100_000 }), (size) => {
      expect(mostRecords(size)).toBeGreaterThanOrEqual(size * 2);
      const { bytes, values } = pageLimits(size);
      expect(bytes).toBeGreaterThan(RECORD_LIMITS.bytes);
      expect(bytes).toBeLessThanOrEqual(pageLimits(undefined).bytes);
      expect(values).toBeGreaterThan(RECORD_LIMITS.values);
      expect(values).toBeLessThanOrEqual(pageLimits(undefined).values);
    }),
  );
});

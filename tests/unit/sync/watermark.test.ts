// Up to which modification a side counts as read.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { watermarkAfter } from '../../../engine/sync/watermark.ts';

const at = (ms: number): string => new Date(Date.UTC(2026, 0, 1) + ms).toISOString();
const STARTED = Date.UTC(2026, 0, 1) + 60_000;

test('the latest modification that was read is the watermark', () => {
  expect(watermarkAfter(at(1), [at(30_000), undefined, at(20_000)], STARTED)).toBe(at(30_000));
});

test('an edit that was made after the scan began does not move the watermark beyond that', () => {
  expect(watermarkAfter(at(1), [at(10), at(60_001)], STARTED)).toBe(at(10));
});

test('a record that states a time far in the future does not move the watermark', () => {
  expect(watermarkAfter(at(1), ['2099-01-01T00:00:00.000Z'], STARTED)).toBe(at(1));
});

test('the next read starts where the first read began, if that one found only later edits', () => {
  expect(watermarkAfter(undefined, [at(60_001), undefined], STARTED)).toBe(at(60_000));
});

test('a watermark that was set by a wrong clock comes back to the time of the system', () => {
  expect(watermarkAfter(at(3_600_000), [], STARTED)).toBe(at(60_000));
});

test('there is no watermark without a modification time', () => {
  expect(watermarkAfter(undefined, [undefined], STARTED)).toBeUndefined();
});

test('an edit made after the first request is always later than the watermark, so that the next scan finds it', () => {
  const time = fc.integer({ min: 0, max: 10_000_000 });
  fc.assert(
    fc.property(
      fc.option(time, { nil: undefined }),
      fc.array(time),
      time,
      fc.nat(1_000),
      (former, seen, start, later) => {
        const startedAt = Date.UTC(2026, 0, 1) + start;
        const mark = watermarkAfter(former === undefined ? undefined : at(former), seen.map(at), startedAt);
        expect(mark === undefined || mark <= at(start + later)).toBe(true);
      },
    ),
  );
});

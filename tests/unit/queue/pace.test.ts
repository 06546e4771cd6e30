// How fast a queue goes, from the counts per minute that BullMQ keeps.
import { expect, test } from 'vitest';
import { pace } from '../../../engine/queue/pace.ts';

const MINUTE = 60_000;
const metrics = (prevTS: number, prevCount: number, count: number, data: number[]) => ({
  meta: { count, prevTS, prevCount },
  data,
});

test('nothing ended, or nothing lately: it stands', () => {
  expect(pace([metrics(0, 0, 0, [])], 100 * MINUTE)).toBe(0);
  expect(pace([metrics(90 * MINUTE, 10, 500, [10])], 100 * MINUTE)).toBe(0);
});

test('the first seconds of work tell already', () => {
  expect(pace([metrics(100 * MINUTE, 0, 300, [])], 100 * MINUTE + 10_000)).toBe(30);
});

test('whole minutes and the one that goes on count together, and both ways to end', () => {
  const now = 100 * MINUTE + 30_000;
  const completed = metrics(100 * MINUTE, 1_200, 1_800, [600, 600]);
  const failed = metrics(100 * MINUTE, 0, 150, []);
  expect(pace([completed], now)).toBe(1_800 / 150);
  expect(pace([completed, failed], now)).toBe(1_950 / 150);
});

test('minutes without work before it began do not slow it down, those after it do', () => {
  const now = 100 * MINUTE + 30_000;
  expect(pace([metrics(100 * MINUTE, 50, 350, [0, 0, 0, 0])], now)).toBe(10);
  expect(pace([metrics(97 * MINUTE, 0, 210, [])], now)).toBe(1);
});

test('what lies further back than five minutes is history', () => {
  const now = 100 * MINUTE + 30_000;
  expect(pace([metrics(100 * MINUTE, 5_000, 5_030, [0, 0, 0, 0, 5_000])], now)).toBe(1);
});

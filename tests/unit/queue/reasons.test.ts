// What a job says of itself: why it waits, why it failed.
import type { Job } from 'bullmq';
import { expect, test } from 'vitest';
import {
  failureText,
  noteRetry,
  noteWait,
  parseFailure,
  reasonOfJob,
  sinceOfReason,
  WAITS,
} from '../../../engine/queue/reasons.ts';

const job = (fields: object): Job => ({ progress: 0, attemptsMade: 0, ...fields }) as Job;

test('a failure keeps its code, and texts of others are left as they are', () => {
  expect(parseFailure(failureText('SYSTEM_REJECTED', 'Price: must be a number'))).toEqual({
    code: 'SYSTEM_REJECTED',
    detail: 'Price: must be a number',
  });
  expect(parseFailure(failureText(undefined, 'refused'))).toEqual({ detail: 'refused' });
  expect(parseFailure('job stalled more than allowable limit')).toEqual({
    detail: 'job stalled more than allowable limit',
  });
  expect(parseFailure('NO_SUCH_CODE: x')).toEqual({ detail: 'NO_SUCH_CODE: x' });
  expect(parseFailure('toString: x')).toEqual({ detail: 'toString: x' });
});

test('a delayed job waits for what it was put back for last: a wait, or its next try', () => {
  const failedReason = failureText('SYSTEM_UNREACHABLE', 'It did not answer.');
  const quota = { reason: 'quota', code: 'SYSTEM_THROTTLED', detail: 'The quota is used up.' };
  expect(reasonOfJob(job({ failedReason, attemptsMade: 1 }), true)).toEqual({
    reason: 'retry',
    code: 'SYSTEM_UNREACHABLE',
    detail: 'It did not answer.',
  });
  // It failed, and was put back after that.
  expect(reasonOfJob(job({ failedReason, attemptsMade: 1, progress: { ...quota, tries: 1 } }), true)).toEqual(quota);
  // It was put back, and failed after that.
  expect(reasonOfJob(job({ failedReason, attemptsMade: 2, progress: { ...quota, tries: 1 } }), true)).toMatchObject({
    reason: 'retry',
  });
  expect(reasonOfJob(job({ progress: { ...WAITS.parents, tries: 0 }, repeatJobKey: 'x' }), true)).toEqual(
    WAITS.parents,
  );
  expect(reasonOfJob(job({ repeatJobKey: 'x' }), true)).toMatchObject({ reason: 'scheduled' });
  expect(reasonOfJob(job({}), true)).toMatchObject({ reason: 'later' });
});

test('a job that is not delayed reports why it failed last, if it did', () => {
  expect(reasonOfJob(job({ failedReason: 'SYSTEM_AUTH: no' }), false)).toEqual({ code: 'SYSTEM_AUTH', detail: 'no' });
  expect(reasonOfJob(job({ progress: { ...WAITS.version, tries: 0 } }), false)).toBeUndefined();
});

test('how long a reason holds is counted from when it began, not from when the job was queued', async () => {
  const noted = (fields: object) => {
    const made = { timestamp: 1_000, progress: 0, attemptsMade: 0, ...fields } as Record<string, unknown>;
    made.updateProgress = async (progress: object) => void Object.assign(made, { progress });
    return made as unknown as Job;
  };
  const quota = { reason: 'quota', code: 'SYSTEM_THROTTLED', detail: 'The quota is used up.' } as const;
  const waits = noted({});
  expect(sinceOfReason(waits, true)).toBe(1_000);
  const before = Date.now();
  await noteWait(waits, quota);
  const since = sinceOfReason(waits, true);
  expect(since).toBeGreaterThanOrEqual(before);
  await noteWait(waits, quota);
  expect(sinceOfReason(waits, true)).toBe(since);
  expect(reasonOfJob(waits, true)).toEqual(quota);

  const failing = { failedReason: failureText('SYSTEM_UNAVAILABLE', 'It is down.'), attemptsMade: 1 };
  // Of a former version: nothing was noted.
  expect(sinceOfReason(noted({ ...failing, processedOn: 5_000 }), true)).toBe(5_000);
  const retried = noted({ ...failing, processedOn: 5_000 });
  await noteRetry(retried, 'SYSTEM_UNAVAILABLE');
  const first = sinceOfReason(retried, true);
  expect(first).toBeGreaterThanOrEqual(before);
  Object.assign(retried, { attemptsMade: 2, processedOn: first + 60_000 });
  await noteRetry(retried, 'SYSTEM_UNAVAILABLE');
  expect(sinceOfReason(retried, true)).toBe(first);
  expect(reasonOfJob(retried, true)).toEqual({ reason: 'retry', code: 'SYSTEM_UNAVAILABLE', detail: 'It is down.' });
  // Another trouble began with its own try.
  Object.assign(retried, { failedReason: failureText('SYSTEM_REJECTED', 'No.') });
  expect(sinceOfReason(retried, true)).toBe(first + 60_000);
  expect(sinceOfReason(noted({ finishedOn: 9_000 }), false)).toBe(9_000);
});

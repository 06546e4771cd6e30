// A short run of `npm run fuzz`. FUZZ_SEED and FUZZ_REQUESTS choose another one.
import { afterEach, expect, test } from 'vitest';
import { closeAll } from '../support/closing.ts';
import { fuzz } from './fuzz/run.ts';

afterEach(closeAll);

test('no request ends the process or causes an internal error, and each error response is a problem document', async () => {
  const { faults, statuses, requests } = await fuzz(
    Number(process.env.FUZZ_SEED ?? 1),
    Number(process.env.FUZZ_REQUESTS ?? 2_000),
  );
  expect(faults).toEqual([]);
  // Requests that are all refused at the door would find nothing.
  expect(requests).toBeGreaterThan(0);
  expect((statuses[200] ?? 0) + (statuses[202] ?? 0)).toBeGreaterThan(requests / 50);
}, 300_000);

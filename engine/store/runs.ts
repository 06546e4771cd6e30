/** Runs: one trigger's work, with counts and progress, kept in Redis so that any process can tell how it stands. */
import type { Redis } from 'ioredis';
import { beginningRuns } from './runs/beginning.ts';
import { createRunContext } from './runs/run-context.ts';
import { recordsOfRuns } from './runs/run-records.ts';
import { scanningRuns } from './runs/scanning.ts';
import { readingRuns } from './runs/stored-run.ts';
import { runsUnderWay } from './runs/under-way.ts';

export { runCount } from './runs/run-counts.ts';
export { type Finished, type PlanEntry, RUN_STATES, RUN_TRIGGERS, type Run } from './runs/types.ts';

export type Runs = ReturnType<typeof createRuns>;

export function createRuns(connection: Redis, prefix: string) {
  const context = createRunContext(connection, prefix);
  return {
    ...readingRuns(context),
    ...beginningRuns(context),
    ...scanningRuns(context),
    ...recordsOfRuns(context),
    ...runsUnderWay(context),
  };
}

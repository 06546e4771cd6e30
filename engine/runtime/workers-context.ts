/** What the parts of a process that works on mappings share. */
import type { Worker, WorkerOptions } from 'bullmq';
import type { Engine } from '../engine.ts';
import type { Membership } from '../queue/versions.ts';
import type { Work } from './work.ts';

export interface WorkersContext {
  readonly engine: Engine;
  readonly member: Membership;
  readonly work: Work;
  /** One per mapping of the configuration. */
  readonly workers: Map<string, Worker>;
  /** What BullMQ needs for each of them. */
  readonly common: WorkerOptions;
  readonly schedules: boolean;
  /** Mappings that are not in force as they should be, which is a problem of their files. */
  readonly pending: Set<string>;
}

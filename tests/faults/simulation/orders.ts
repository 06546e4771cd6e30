import type { Step } from '../../../engine/sync/sync-context.ts';

export type Moment = Step;
/** The named steps of a batch, and of a record within it. */
export const moments = [
  'after-take',
  'before-begin',
  'after-begin',
  'after-post',
  'before-link',
  'after-link',
  'before-update',
  'after-update',
  'before-base',
  'after-base',
] as const satisfies readonly Moment[];

/** What the simulation tells a worker process, one JSON line each, over its standard input. */
export type Order =
  | {
      readonly do: 'work';
      readonly redisUrl: string;
      readonly prefix: string;
      /** Folder with the mappings, systems and schemas. */
      readonly root: string;
      /** The variables that the system files name. */
      readonly env: Readonly<Record<string, string>>;
      /** The step at which the process ends itself, if any, and how often it passes it before. */
      readonly dieAt?: Moment;
      readonly dieAfter?: number;
      /** How long a claim lasts without being extended, in ms. */
      readonly claimTtl?: number;
      /** Have it wait at each named step for up to so many ms, so that work interleaves otherwise each time. */
      readonly dawdle?: number;
      /** How long a job and records that were taken are hidden from other workers, in ms. */
      readonly lockDuration?: number;
    }
  /** Stop what was begun and wait for the next order. */
  | { readonly do: 'rest' };

export type WorkOrder = Extract<Order, { do: 'work' }>;

/** What a worker says on its standard output: it waits for an order, it works. */
export const WARM = 'warm';
export const WORKING = 'working';

/** Short, so that what a killed worker held is soon taken over. In ms. */
export const LOCK_DURATION = 2_000;
export const CLAIM_TTL = 4_000;
/** Where processes are stopped: shorter than many a stop. */
export const SHORT_CLAIM_TTL = 1_200;
/** Signs of life of processes: who was killed is soon known to be gone. */
export const BEATS = { beat: 100, ttl: 2_000 };

/**
 * The contract of the HTTP API: a schema for each request and response, one file per noun. Routes validate, serialise and
 * document by these, and the command line takes its types from them. Nothing outside of this folder declares the shape of
 * a response (tests/unit/api/contract.test.ts).
 */

import { OverwrittenValue } from './history.ts';
import { Issue, RecordIssue } from './issue.ts';
import { ConfigProblem, ConfigWarning } from './mapping.ts';
import { Outcome, PlanEntry } from './outcome.ts';
import { ErrorEntry, Fault, Problem } from './problem.ts';
import { Job, Queue, QueueReason } from './queue.ts';
import { Run, RunDetail, Triggered } from './run.ts';

export * from './event.ts';
export * from './health.ts';
export * from './history.ts';
export * from './issue.ts';
export * from './link.ts';
export * from './mapping.ts';
export * from './outcome.ts';
export * from './problem.ts';
export * from './queue.ts';
export * from './record.ts';
export * from './review.ts';
export * from './run.ts';
export { described, nothing, object, ref, type Static, type TSchema, text } from './schema.ts';

/** Those that others refer to by their name, so that the OpenAPI document holds each once. */
export const SHARED = [
  Problem,
  ErrorEntry,
  Fault,
  Run,
  RunDetail,
  Triggered,
  Outcome,
  PlanEntry,
  Issue,
  RecordIssue,
  OverwrittenValue,
  Queue,
  QueueReason,
  Job,
  ConfigProblem,
  ConfigWarning,
];

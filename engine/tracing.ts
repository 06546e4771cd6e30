/**
 * What is passed to a tracer of work across processes; nothing unless a tracer is given. Names are those of routes,
 * queues, systems and paths as they are declared; attributes may name records by id, and never hold values.
 */
import type { Telemetry } from 'bullmq';

/** Attributes of a span by name; one that is undefined is left out. */
export type Attributes = Readonly<Record<string, string | number | undefined>>;

/** Given to the engine by the process that has a tracer (`EngineOptions.tracing`). */
export interface Tracing {
  /** Hands a trace over from who queues a job to who does it. */
  readonly jobs: Telemetry;
  /** Begins a span, below the one under way here. */
  begin(kind: 'server' | 'client', name: string, attributes: Attributes): Span;
  /** Adds to the span under way here. */
  note(attributes: Attributes): void;
  /** Id of the trace under way here, to find it by a line of the log. */
  id(): string | undefined;
}

/** Work that is timed, from `begin` to `end`. The caller of `begin` ends it, once. */
export interface Span {
  /** What work does, and leaves to be done, is below this span. */
  run<T>(work: () => T): T;
  /** @param error why it failed: an error code, or a status */
  end(attributes: Attributes, error?: string): void;
}

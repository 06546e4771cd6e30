/** What the server and its threads send each other: all of it JSON, as text where a number may be longer than JavaScript's. */

import type { Env } from '../config/env.ts';
import type { Files } from '../config/files.ts';
import type { Problem } from '../config/types.ts';
import { type ErrorCode, type ErrorContext, type faultOf, TandemError } from '../errors.ts';
import type { Finding, UncheckedProperty } from '../sync/round-trips.ts';
import type { JsonObject, SideIndex } from '../types.ts';

/** What a thread compiles: the texts that run, and the variables that they name. */
export interface Sources {
  readonly files: Files;
  readonly env: Env;
}

/** A draft of a mapping file, checked against the files that run. */
export interface DraftTask {
  readonly kind: 'draft';
  readonly yaml: string;
  /** Name to show in the problems. */
  readonly file?: string;
}

/** What a record would become on the other side. */
export interface PreviewTask {
  readonly kind: 'preview';
  readonly mapping: string;
  readonly side: SideIndex;
  /** A record to read from the system of that side. */
  readonly id?: string;
  /** Or JSON: a record as that system would send it. */
  readonly record?: string;
}

export type Task = DraftTask | PreviewTask;

type Fault = ReturnType<typeof faultOf>;

interface PreviewedValue {
  readonly source: string;
  readonly value?: unknown;
}

interface PreviewedProperty {
  readonly property: string;
  readonly flows: boolean;
  readonly from: PreviewedValue;
  readonly to: PreviewedValue;
  readonly fault?: Fault;
}

export interface Results {
  readonly draft: {
    readonly valid: boolean;
    readonly mapping?: string;
    readonly problems: readonly Problem[];
    readonly warnings: readonly Finding[];
    readonly notChecked: readonly UncheckedProperty[];
  };
  readonly preview: {
    readonly inScope: boolean;
    readonly counterpart?: string;
    readonly keys: readonly (string | null)[];
    readonly properties: readonly PreviewedProperty[];
    readonly record?: JsonObject;
    readonly faults: readonly Fault[];
  };
}

interface Lookup {
  readonly entity: string;
  readonly field: string;
}

/** What a task asks of the world; a thread has neither Redis nor systems. `side`: the one that the expression reads from. */
export interface Host {
  /** Reads a record. @throws TandemError SYSTEM_NOT_FOUND */
  read(side: SideIndex, id: string): Promise<unknown>;
  link(side: SideIndex, mapping: string, id: string): Promise<unknown>;
  record(side: SideIndex, entity: string, id: string): Promise<unknown>;
  find(side: SideIndex, entity: string, query: Record<string, unknown>): Promise<unknown>;
  reference(property: string, from: SideIndex, id: string): Promise<unknown>;
  lookup(side: SideIndex, lookup: Lookup, id: string): Promise<unknown>;
  lookupId(side: SideIndex, lookup: Lookup, value: unknown): Promise<unknown>;
  counterpart(side: SideIndex, id: string): Promise<unknown>;
}

/** `task` numbers the tasks of one thread, `call` the calls of one task. */
export type ToThread =
  | { readonly kind: 'task'; readonly task: number; readonly work: Task }
  | {
      readonly kind: 'answer';
      readonly task: number;
      readonly call: number;
      readonly json?: string;
      readonly error?: WireError;
    };

export type FromThread =
  | { readonly kind: 'ready' }
  | {
      readonly kind: 'call';
      readonly task: number;
      readonly call: number;
      readonly name: keyof Host;
      readonly args: string;
    }
  | { readonly kind: 'done'; readonly task: number; readonly json: string }
  | { readonly kind: 'failed'; readonly task: number; readonly error: WireError };

/** An error without what only its own thread can hold. */
export interface WireError {
  readonly code: ErrorCode;
  readonly message: string;
  readonly context: Omit<ErrorContext, 'cause'>;
  /** Of an unforeseen one: for the log. */
  readonly stack?: string | undefined;
}

export function toWire({ code, message, context: { cause, ...context } }: TandemError): WireError {
  return { code, message, context, stack: code === 'INTERNAL' && cause instanceof Error ? cause.stack : undefined };
}

export function fromWire({ code, message, context, stack }: WireError): TandemError {
  if (stack === undefined) return new TandemError(code, message, context);
  return new TandemError(code, message, { ...context, cause: Object.assign(new Error(message), { stack }) });
}

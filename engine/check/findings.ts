/** What checks of live systems report. */
import type { EntityConfig } from '../config/types.ts';
import type { YamlPath } from '../config/yaml.ts';
import type { WritablePath } from '../expression/path.ts';
import type { JsonObject, SystemRecord } from '../types.ts';

export type LiveKind =
  /** The system refused the request. */
  | 'refused'
  /** The answer is what it would be without the parameter. */
  | 'ignored'
  /** The answer lacks a record that it must hold. */
  | 'missing'
  /** No record holds the property. */
  | 'absent'
  /** Two operations answer different things about one record. */
  | 'differs'
  /** A number disagrees with its formatted amount. */
  | 'amount'
  /** A time that does not parse. */
  | 'time'
  /** A value breaks the schema. */
  | 'schema';

export interface Located {
  readonly file: string;
  /** Lines and columns count from 1. */
  readonly line: number;
  readonly column: number;
}

/** What is wrong, and where: a place in a file, or a path within the entity in its system file. */
export interface Remark {
  /** A problem does harm or keeps something from working; a warning may be meant. */
  readonly severity: 'problem' | 'warning';
  readonly kind: LiveKind;
  readonly at: Located | YamlPath;
  /** In plain words. No value of a record, but for amounts. */
  readonly message: string;
  readonly remedy: string;
}

/** Why something could not be checked. */
export interface Unchecked {
  readonly notChecked: string;
}

/** One request, and what came back: status and number of records, or the words of a refusal. */
export interface Answered {
  readonly request: string;
  readonly answer: string;
}

/** What a live check found wrong: the remark, its place in a file, and the operation and request that showed it. */
export interface LiveFinding extends Omit<Remark, 'at'>, Located, Answered {
  readonly system: string;
  readonly entity: string;
  /** `list`, `since`, `find by FIELD` or `read`. */
  readonly operation: string;
}

/** A request that a live check sent. `request` is readable, without secrets and without the value searched for. */
export interface LiveRequest {
  readonly system: string;
  readonly entity: string;
  readonly operation: string;
  readonly request: string;
  /** Undefined where no answer came. */
  readonly status: number | undefined;
}

/** An operation that is declared and could not be judged, and why. One that is not declared is left out. */
export interface NotChecked {
  readonly system: string;
  readonly entity: string;
  readonly operation: string;
  readonly reason: string;
}

/** A path of the entity that a mapping file uses, and where. */
export interface Use extends Located {
  readonly path: WritablePath;
}

/** The first records of an entity's list. */
export interface Listed {
  readonly entity: EntityConfig;
  readonly records: readonly SystemRecord[];
  /** The same as the system answered them, by id. */
  readonly raw: ReadonlyMap<string, JsonObject>;
}

export const COMPARE_API = "Compare it with the description of the system's API.";

export const count = (number: number, noun: string): string => `${number} ${noun}${number === 1 ? '' : 's'}`;

/** Shapes that every part of the engine shares: JSON values, records as a system answers them. */

import type { Json, JsonObject } from './json.ts';

export type { Json, JsonObject };

/** Position of a side in its mapping: 0 is the side named first in `between`, 1 the other. */
export type SideIndex = 0 | 1;

/** One of each side, in the mapping's order. */
export type Pair<T> = readonly [T, T];

/** 1 for 0, and 0 for 1: where a value comes from, given the side that it flows to. */
export const otherSide = (side: SideIndex): SideIndex => (side === 0 ? 1 : 0);

/** One record of a system, read now. */
export interface SystemRecord {
  /** The system's own id, always as a string. */
  readonly id: string;
  /** Time of the last modification as the system states it, ISO 8601 UTC; undefined where the system states none. */
  readonly modified: string | undefined;
  /** What `If-Match` needs (an ETag or a version), where the system has one. */
  readonly version: string | undefined;
  /** Time of creation as the system states it, ISO 8601 UTC; undefined where the system file names none. */
  readonly created?: string;
  /** The system keeps it and has put it away: nothing is written to it, or because of it. */
  readonly archived?: boolean;
  /** The record in its normalized shape: what is read is what can be written. */
  readonly data: JsonObject;
}

/**
 * Fingerprints of one property on both sides when the link was last in agreement, and the definition of the property
 * under which that was; without it, the one in force when definitions were first noted.
 */
export type PropertyBase = readonly [string, string, definition?: string];

/** The base of a link, by property name; a property without an entry has had no first contact yet. */
export type Base = Readonly<Record<string, PropertyBase>>;

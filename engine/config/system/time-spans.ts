/** Spans of time in a system file, in ms. */
import { parseDuration } from '../duration.ts';

export const SECOND = 1_000;
export const MINUTE = 60 * SECOND;
export const HOUR = 60 * MINUTE;

/** @param standard where the file says nothing */
export const duration = (text: string | undefined, standard: number): number =>
  text === undefined ? standard : (parseDuration(text) ?? standard);

/** How often a mapping is scanned. */

import { parseDuration } from '../duration.ts';
import type { ScheduleConfig } from '../types.ts';
import type { MappingFile } from './file.ts';

/**
 * Milliseconds. A scan costs a call to each side and finds what no event reported: see
 * docs/decisions/0018-how-often-to-scan.md.
 */
const CHANGES = 10 * 60_000;
const WITH_WEBHOOKS = 60 * 60_000;
const FULL = 24 * 60 * 60_000;

export function schedule(given: MappingFile['schedule']): ScheduleConfig {
  if (given === 'off') return { changes: undefined, webhooks: undefined, full: undefined };
  const time = (text: string | undefined, standard: number | undefined): number | undefined =>
    text === undefined ? standard : text === 'off' ? undefined : parseDuration(text);
  const changes = time(given?.changes, CHANGES);
  const rarely = changes === undefined ? undefined : Math.max(changes, WITH_WEBHOOKS);
  return { changes, webhooks: time(given?.webhooks, rarely), full: time(given?.full, FULL) };
}

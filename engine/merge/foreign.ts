/** Which modification of a record was the last that was not our own. Pure. */
import type { OwnWrite } from '../sync/facts.ts';
import type { RecordView } from '../sync/view.ts';

/** Older than every edit: the record was never modified by anybody else, as far as it is known. */
export const NEVER = '0001-01-01T00:00:00.000Z';

/**
 * A modification time equal to that of our own last write is no edit.
 * @returns ISO 8601; undefined where the system states no times
 */
export function foreignModified({ record: { modified } }: RecordView, own: OwnWrite | undefined): string | undefined {
  if (modified === undefined || own === undefined) return modified;
  return Date.parse(modified) === Date.parse(own.at) ? (own.before ?? NEVER) : modified;
}

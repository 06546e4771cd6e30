/** Which modification of a record was the last that was not our own. Pure. */
import type { OwnWrite } from '../sync/facts.ts';
import type { RecordView } from '../sync/view.ts';

/** Older than every edit: the record was never modified by anybody else, as far as it is known. */
export const NEVER = '1970-01-01T00:00:00.000Z';

/**
 * A modification time equal to that of our own last write is no edit.
 * @returns ISO 8601; undefined where the system states no times
 */
export function foreignModified(
  { record: { modified } }: Pick<RecordView, 'record'>,
  own: readonly OwnWrite[],
): string | undefined {
  if (modified === undefined) return undefined;
  const at = Date.parse(modified);
  const written = own.find((one) => one.at === at);
  if (!written) return modified;
  return written.before === undefined ? NEVER : new Date(written.before).toISOString();
}

/** Our own write made this of a record. @param before the record as it was */
export function ownWriteOf(
  before: Pick<RecordView, 'record'> | undefined,
  { record: { modified } }: Pick<RecordView, 'record'>,
  own: readonly OwnWrite[],
): OwnWrite | undefined {
  if (modified === undefined) return undefined;
  const foreignAt = Date.parse((before && foreignModified(before, own)) ?? NEVER);
  return { at: Date.parse(modified), before: foreignAt > 0 ? foreignAt : undefined };
}

/** Our own write of a value that a person put back: it is dated as that person's edit, but a reading from before it is none. */
export function ownWriteByHand({ record: { modified } }: Pick<RecordView, 'record'>): OwnWrite | undefined {
  if (modified === undefined) return undefined;
  const at = Date.parse(modified);
  return { at, before: at - 1 };
}

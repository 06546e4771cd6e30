/**
 * Writes into a record whom it belongs to, where the mapping keeps that in the record (`correlate`). A new record holds
 * it from its creation; this is for the one that it was created for, and for records that a person linked. Nothing else
 * could tell such a link again, were Redis to lose it.
 */
import type { Mapping } from '../config/types.ts';
import { asTandemError } from '../errors.ts';
import type { SyncContext } from './context.ts';
import { indexEntry, type View, viewRecord } from './view.ts';

/** Whether the record has a place for the id of its counterpart, and something else stands there. */
export function needsName(mapping: Mapping, view: View, counterpart: string): boolean {
  const { correlate, entity } = mapping.sides[view.side];
  return correlate !== undefined && entity.update !== undefined && view.names !== counterpart;
}

/**
 * @param counterpart undefined: the record names nobody any more
 * @returns false where the system will not have it: the link goes without
 * @throws TandemError what another try may mend
 */
export async function nameCounterpart(
  context: SyncContext,
  mapping: Mapping,
  view: View,
  counterpart: string | undefined,
): Promise<boolean> {
  const { correlate, entity, system } = mapping.sides[view.side];
  if (!correlate || !entity.update) return false;
  const client = context.client(system.name);
  try {
    // The version may be that of a search, which tells none, or from before a write of this very reconcile.
    const record = await client.read(entity.name, view.record.id);
    if (!record) return false;
    const named = await client.update(entity.name, record.id, {
      data: correlate.set(record.data, counterpart ?? null),
      changed: [correlate],
      version: record.version,
    });
    await context.links(mapping.name).index(view.side, [indexEntry(await viewRecord(mapping, view.side, named))]);
    return true;
  } catch (cause) {
    const error = asTandemError(cause);
    if (error.retry !== 'never') throw error;
    return false;
  }
}

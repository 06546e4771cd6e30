/**
 * Writes into a record whom it belongs to, where the mapping keeps that in the record (`correlate`). A new record holds
 * it from its creation; this is for the one that it was created for, and for records that a person linked. Nothing else
 * could tell such a link again, were Redis to lose it.
 */
import type { Mapping } from '../config/types.ts';
import { asTandemError } from '../errors.ts';
import type { Fingerprinter } from '../expression/values.ts';
import type { SyncContext } from './context.ts';
import { indexEntry, type RecordView, recordState, viewRecord } from './view.ts';

/**
 * That a record is still to be told its counterpart, noted in front of its state, so that it outlives whatever the link
 * is held for. `new`: the link was just made, so that what stands in the place is replaced; `open`: only where it names
 * nobody; `refused`: the system did not take it, so that it waits for another state of the record, or of the mapping.
 */
export type Unnamed = 'new' | 'open' | 'refused';
export type UnnamedSides = readonly [Unnamed | undefined, Unnamed | undefined];

const noted = (mapping: Mapping, unnamed: Unnamed, state: string, { token }: Fingerprinter): string =>
  `${unnamed}.${token(`${mapping.version}.${state}`)}`;

/** The states to record of a link whose records are still to be told their counterparts. */
export const withUnnamed = (
  mapping: Mapping,
  states: readonly [string, string],
  unnamed: UnnamedSides,
  fingerprinter: Fingerprinter,
): [string, string] => [
  unnamed[0] ? noted(mapping, unnamed[0], states[0], fingerprinter) : states[0],
  unnamed[1] ? noted(mapping, unnamed[1], states[1], fingerprinter) : states[1],
];

/** Whether a record is as it was last handled under this mapping: then a scan leaves it alone, named or not. */
export const isHandled = (
  mapping: Mapping,
  handled: string | null | undefined,
  state: string,
  fingerprinter: Fingerprinter,
): boolean => {
  const note = unnamedOf(handled);
  return handled === (note ? noted(mapping, note, state, fingerprinter) : state);
};

/**
 * What is still to be done about the name in a record of a link.
 * @param handled its state when it was last handled
 */
export function unnamedSide(
  mapping: Mapping,
  view: RecordView,
  handled: string | null | undefined,
  counterpart: string,
): Unnamed | undefined {
  const unnamed = unnamedOf(handled);
  if (!unnamed || !needsName(mapping, view, counterpart)) return undefined;
  if (unnamed === 'refused' && isHandled(mapping, handled, recordState(mapping, view).linked, view.fingerprinter))
    return unnamed;
  if (unnamed === 'new') return unnamed;
  // What somebody wrote there is only replaced where the link has just been made.
  return view.correlationId === undefined ? 'open' : undefined;
}

function unnamedOf(handled: string | null | undefined): Unnamed | undefined {
  return (['new', 'open', 'refused'] as const).find((one) => handled?.startsWith(`${one}.`));
}

/** Whether the record has a place for the id of its counterpart, and something else stands there. */
export function needsName(mapping: Mapping, view: RecordView, counterpart: string): boolean {
  const { correlate, entity } = mapping.sides[view.side];
  return correlate !== undefined && entity.update !== undefined && view.correlationId !== counterpart;
}

/**
 * @param counterpart undefined: the record names nobody any more
 * @returns false where the system will not have it: the link goes without
 * @throws TandemError what another try may mend
 */
export async function nameCounterpart(
  context: SyncContext,
  mapping: Mapping,
  view: RecordView,
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
      before: record.data,
    });
    await context
      .links(mapping.name)
      .index(view.side, [indexEntry(await viewRecord(mapping, view.side, named, context.fingerprinter))]);
    return true;
  } catch (cause) {
    const error = asTandemError(cause);
    if (error.retry !== 'never') throw error;
    return false;
  }
}

/** Records as a mapping sees them, read from their system now. */
import { TandemError } from '../errors.ts';
import type { SideIndex, SystemRecord } from '../types.ts';
import type { MappingScope } from './scope.ts';
import { type RecordView, viewRecord } from './view.ts';

/** What a person wrote into the place of an id need not look like one: then the system has no such record. */
export const readNamed = (scope: MappingScope, side: SideIndex, id: string): Promise<RecordView | undefined> =>
  unlessRejected(() => readView(scope, side, id));

/** As the system answers it: it may be another record than was asked for. */
export const readRecord = (scope: MappingScope, side: SideIndex, id: string): Promise<SystemRecord | undefined> =>
  unlessRejected(() => scope.clients[side].read(scope.mapping.sides[side].entity.name, id));

async function unlessRejected<T>(read: () => Promise<T | undefined>): Promise<T | undefined> {
  try {
    return await read();
  } catch (error) {
    if (error instanceof TandemError && error.code === 'SYSTEM_REJECTED') return undefined;
    throw error;
  }
}

export async function readView(scope: MappingScope, side: SideIndex, id: string): Promise<RecordView | undefined> {
  const record = await scope.clients[side].read(scope.mapping.sides[side].entity.name, id);
  // Another record than was asked for: there is none under this id.
  return record?.id === id ? viewRecord(scope.mapping, side, record, scope.fingerprinter) : undefined;
}

export const viewAll = (
  scope: MappingScope,
  side: SideIndex,
  records: readonly SystemRecord[],
): Promise<RecordView[]> =>
  Promise.all(records.map((record) => viewRecord(scope.mapping, side, record, scope.fingerprinter)));

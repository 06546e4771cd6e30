/**
 * Finds the links whose base was made under other definitions of the properties than the present ones, in Redis alone:
 * a link that is in date costs no call of a system. What it finds is reconciled like anything else, so a backfill that
 * ends early is begun again and meets only what is left.
 */
import type { Mapping } from '../config/types.ts';
import { outdated } from './definitions.ts';
import type { ScanOptions } from './scan.ts';
import type { SyncContext } from './sync-context.ts';

/** Properties by name, by what became of them. */
export interface DefinitionChanges {
  readonly added: readonly string[];
  readonly changed: readonly string[];
  readonly removed: readonly string[];
}

/** Links are named by their record on the first side, and counted there as read. */
export async function backfill(
  context: SyncContext,
  mapping: Mapping,
  { found, progress }: Pick<ScanOptions, 'found' | 'progress'>,
): Promise<void> {
  let read = 0;
  for await (const batch of context.links(mapping.name).links.all()) {
    const ids = batch.filter((link) => outdated(mapping, link.base)).map((link) => link.ids[0]);
    if (ids.length > 0) await found(0, ids);
    read += batch.length;
    await progress?.({ side: 0, read, work: ids.length, failed: 0 });
  }
}

/** @returns undefined where nothing changed */
export function definitionChanges(
  former: Readonly<Record<string, string>>,
  present: Readonly<Record<string, string>>,
): DefinitionChanges | undefined {
  const has = (definitions: Readonly<Record<string, string>>, name: string): boolean =>
    Object.hasOwn(definitions, name);
  const names = Object.keys(present);
  const changes = {
    added: names.filter((name) => !has(former, name)),
    changed: names.filter((name) => has(former, name) && former[name] !== present[name]),
    removed: Object.keys(former).filter((name) => !has(present, name)),
  };
  return Object.values(changes).some((list) => list.length > 0) ? changes : undefined;
}

/**
 * What follows from an edit of a mapping, also from one made while nothing ran: Redis knows what was followed up last,
 * and the difference to the mapping in force is what is left to do. So this may be done twice, by several processes.
 */
import type { Mapping } from '../config/types.ts';
import type { Engine } from '../engine.ts';
import { definitionChanges } from '../sync/backfill.ts';
import { definitionsOf, scopeOf } from '../sync/definitions.ts';
import { mappingScope } from '../sync/mapping-scope.ts';
import { releaseEdited } from '../sync/scan.ts';
import { keptSides } from './missing.ts';

/**
 * - Another version: records with issues under the former one get another try.
 * - Properties defined otherwise: a backfill of all links.
 * - Other records that take part, match or get counterparts: a full scan, for only reading both sides can tell.
 * @param scans false where runs only begin when they are asked for
 */
export async function followConfigChange(engine: Engine, mapping: Mapping, scans: boolean): Promise<void> {
  const { name, version } = mapping;
  const links = engine.links(name);
  // First: were the edit undone before, what was left out meanwhile would not be missed.
  const former = await links.progress.forgetFormerReads();
  const followed = await links.progress.followed();
  const sides = keptSides(mapping);
  if (JSON.stringify(followed.sides) !== JSON.stringify(sides)) await links.progress.follow({ sides });
  const definitions = definitionsOf(mapping);
  if (followed.definitions === undefined || (await links.links.count()) === 0)
    await links.progress.follow({ definitions });
  else if (scans && definitionChanges(followed.definitions, definitions))
    await engine.trigger({ mapping: name, scan: 'backfill' }, 'edit');
  if (followed.version !== version) {
    const context = engine.context({ owner: `config-${version}` });
    await releaseEdited(mappingScope(context, mapping), (side, ids) => context.enqueue(name, side, ids));
    await links.progress.follow({ version });
  }
  const rescoped = followed.scope !== undefined && followed.scope !== scopeOf(mapping);
  if (followed.scope === undefined) await links.progress.follow({ scope: scopeOf(mapping) });
  // Before the first sync, that or its schedule reads everything anyway.
  if (scans && (former || (rescoped && (await links.progress.ready()))))
    await engine.trigger({ mapping: name, scan: 'full' }, 'edit');
}

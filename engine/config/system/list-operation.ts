/** How all records of an entity are listed, or those that changed: `list` of a system file. */
import type { Report } from '../report.ts';
import type { ListConfig, SinceConfig } from '../types.ts';
import type { YamlPath } from '../yaml.ts';
import type { EntityDraft } from './entity-draft.ts';
import { buildOperation, checkTemplates, texts } from './operation.ts';
import type { EntityFile } from './system-file.ts';
import { duration, MINUTE } from './time-spans.ts';

export function buildList({ entity, report, at }: EntityDraft): ListConfig | undefined {
  if (!entity.list) return undefined;
  const list: ListConfig = {
    ...buildOperation(entity.list, 'GET', [], [], report, at('list')),
    items: entity.list.items ?? '',
    paging:
      entity.list.paging.kind === 'page'
        ? { ...entity.list.paging, first: entity.list.paging.first ?? 1 }
        : entity.list.paging,
    since: buildSince(entity.list.since, report, at('list', 'since')),
  };
  if (list.since && entity.modified === undefined)
    report.add(
      'CONFIG_SCHEMA',
      at('list', 'since'),
      '"since" needs the path of the time of modification: add "modified" to the entity.',
      'key',
    );
  checkPaging(entity.list, report, at('list'));
  return list;
}

function buildSince(
  since: NonNullable<EntityFile['list']>['since'],
  report: Report,
  path: YamlPath,
): SinceConfig | undefined {
  if (!since) return undefined;
  const query = texts(since.query);
  if (since.kind === 'filter' && !Object.values(query).some((text) => text.includes('{since}'))) {
    report.add(
      'CONFIG_SCHEMA',
      [...path, 'query'],
      'One of these query parameters must hold {since}, the time to read from.',
      'key',
    );
  }
  checkTemplates(query, ['since'], report, [...path, 'query']);
  return { kind: since.kind, query, overlap: duration(since.overlap, 2 * MINUTE) };
}

/** Names that APIs give to the number of records in a page. */
const PAGE_SIZE = /^(per[_-]?page|page[_-]?size|page\[size\]|limit|size|count|take|rows|max[_-]?results|\$?top)$/i;

/** What the query and `paging` say of the same thing must be the same. */
function checkPaging(
  { paging, query = {}, path, since }: NonNullable<EntityFile['list']>,
  report: Report,
  at: YamlPath,
): void {
  const queries: [YamlPath, Record<string, string | number | boolean>][] = [
    [[...at, 'query'], query],
    [[...at, 'since', 'query'], since?.query ?? {}],
    [[...at, 'path'], Object.fromEntries(new URLSearchParams(path.split('?')[1] ?? ''))],
  ];
  for (const [where, values] of queries) {
    for (const [name, value] of Object.entries(values)) {
      const place = where.at(-1) === 'path' ? where : [...where, name];
      if ('param' in paging && name === paging.param)
        report.add('CONFIG_SCHEMA', place, `"paging" sets ${name} for each page; remove it here.`, 'key');
      else if (
        'size' in paging &&
        PAGE_SIZE.test(name) &&
        Number(value) !== paging.size &&
        !Number.isNaN(Number(value))
      )
        report.add(
          'CONFIG_SCHEMA',
          place,
          `A page has ${value} records here and ${paging.size} in "paging"; write the same.`,
        );
    }
  }
}

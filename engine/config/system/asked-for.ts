/** Properties that a system answers only where the query names them. */
import { parsePath } from '../../expression/path.ts';
import { lackedBy, lackMessage } from '../optional.ts';
import type { Report } from '../report.ts';
import type { EntityConfig } from '../types.ts';
import type { YamlPath } from '../yaml.ts';

/** What the file itself reads of a record must be asked for. */
export function checkOptional(entity: EntityConfig, report: Report, at: (...rest: string[]) => YamlPath): void {
  const { optional, modified, created, deleted, archived, id, find } = entity;
  if (!optional) return;
  const check = (source: string | undefined, path: YamlPath, of: 'value' | 'key', only?: string): void => {
    const root = source === undefined ? undefined : quietRoot(source);
    if (root === undefined) return;
    const lacking = lackedBy(entity, root).filter((name) => only === undefined || name === only);
    if (lacking.length > 0)
      report.add('CONFIG_OPERATION', path, `${entity.name} ${lackMessage(root, lacking, optional.param)}.`, of);
  };
  check(id, at('id'), 'value');
  check(modified, at('modified'), 'value');
  check(created, at('created'), 'value');
  check(deleted?.field, at('deleted', 'field'), 'value');
  check(archived?.field, at('archived', 'field'), 'value');
  for (const field of Object.keys(find?.by ?? {})) check(field, at('find', 'by', field), 'key', 'find');
}

function quietRoot(source: string): string | undefined {
  try {
    return parsePath(source)?.root;
  } catch {
    return undefined;
  }
}

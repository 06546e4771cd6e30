/** What the parts of the builder of an entity share. */
import { asTandemError } from '../../errors.ts';
import { parsePath } from '../../expression/path.ts';
import type { Report } from '../report.ts';
import { schemaPlace } from '../schema-path.ts';
import type { JsonSchema } from '../types.ts';
import type { YamlPath } from '../yaml.ts';
import type { EntityFile } from './system-file.ts';

export interface EntityDraft {
  readonly entity: EntityFile;
  /** Undefined where there is none, or one with faults. */
  readonly schema: JsonSchema | undefined;
  readonly report: Report;
  /** A place below the entity. */
  at(...rest: (string | number)[]): YamlPath;
}

/** Whether it is a path, and leads to what the schema of the entity has. */
export function checkPath(
  { schema, report }: EntityDraft,
  source: string,
  path: YamlPath,
  of: 'value' | 'key' = 'value',
): void {
  try {
    const parsed = parsePath(source);
    if (!parsed) {
      report.add('CONFIG_PATH', path, `"${source}" is no simple path, such as id or email_address.email.`, of);
      return;
    }
    const place = schema ? schemaPlace(schema, parsed.steps) : undefined;
    if (place && !place.found) report.add('CONFIG_PATH', path, place.message, of);
  } catch (error) {
    report.addError(path, asTandemError(error));
  }
}

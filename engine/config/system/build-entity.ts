/** One entity of a system file: its parts in their order, each with its own checks. */
import type { Report } from '../report.ts';
import type { EntityConfig, JsonSchema } from '../types.ts';
import type { YamlPath } from '../yaml.ts';
import { checkOptional } from './asked-for.ts';
import { checkPath, type EntityDraft } from './entity-draft.ts';
import { buildCreate, buildDelete, buildFind, buildRead, buildUpdate } from './entity-operations.ts';
import { buildList } from './list-operation.ts';
import { expression } from './system-expression.ts';
import type { EntityFile, SystemFile, SystemInput } from './system-file.ts';
import { duration, MINUTE } from './time-spans.ts';

export function buildEntity(
  file: SystemFile,
  name: string,
  entity: EntityFile,
  input: SystemInput,
  report: Report,
): EntityConfig {
  const at = (...rest: (string | number)[]): YamlPath => ['entities', name, ...rest];
  const schema = entitySchema(entity.schema, input, report, at('schema'));
  const draft: EntityDraft = { entity, schema, report, at };
  checkRecordPaths(draft);
  const read = buildRead(draft);
  const list = buildList(draft);
  const find = buildFind(draft);
  const create = buildCreate(draft);
  const update = buildUpdate(draft);
  checkNamedPaths(draft);
  const built: EntityConfig = {
    system: file.system,
    name,
    title: entity.title ?? name,
    fields: entity.fields ?? {},
    schema: schema ?? {},
    id: entity.id,
    modified: entity.modified,
    created: entity.created,
    deleted: entity.deleted && { field: entity.deleted.field, values: entity.deleted.values },
    archived: entity.archived && { field: entity.archived.field, values: entity.archived.values },
    normalize: entity.normalize === undefined ? undefined : expression(entity.normalize, report, at('normalize')),
    denormalize:
      entity.denormalize === undefined
        ? undefined
        : expression(entity.denormalize, report, at('denormalize'), file.account !== undefined),
    optional: entity.optional,
    cache: entity.cache === undefined ? undefined : duration(entity.cache, 0),
    lag: duration(entity.lag, MINUTE),
    equal: entity.equal ?? [],
    list,
    read,
    find,
    create,
    update,
    delete: buildDelete(draft),
    events: entity.events ?? [],
  };
  checkOptional(built, report, at);
  return built;
}

/** Where a record has its id, its times and its state. */
function checkRecordPaths(draft: EntityDraft): void {
  const { entity, at } = draft;
  checkPath(draft, entity.id, at('id'));
  if (entity.modified !== undefined) checkPath(draft, entity.modified, at('modified'));
  if (entity.created !== undefined) checkPath(draft, entity.created, at('created'));
  for (const key of ['deleted', 'archived'] as const)
    if (entity[key]) checkPath(draft, entity[key].field, at(key, 'field'));
}

/** Fields that have a title, and those that have to be asked for. */
function checkNamedPaths(draft: EntityDraft): void {
  const { entity, at } = draft;
  for (const path of Object.keys(entity.fields ?? {})) checkPath(draft, path, at('fields', path), 'key');
  for (const [i, property] of (entity.optional?.names ?? []).entries())
    checkPath(draft, property, at('optional', 'names', i));
}

function entitySchema(name: string, input: SystemInput, report: Report, path: YamlPath): JsonSchema | undefined {
  if (!input.schemas.has(name)) {
    report.add('CONFIG_REFERENCE', path, `There is no file schemas/${name}.schema.json.`);
    return undefined;
  }
  const found = input.schemas.get(name);
  if (!found) report.add('CONFIG_REFERENCE', path, `The file schemas/${name}.schema.json has faults of its own.`);
  return found?.schema;
}

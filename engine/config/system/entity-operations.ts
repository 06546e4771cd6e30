/** What a system file says of reading, finding and writing the records of an entity; of lists see list-operation.ts. */
import type { CreateConfig, EntityConfig, FindConfig, OperationConfig, UpdateConfig } from '../types.ts';
import { checkPath, type EntityDraft } from './entity-draft.ts';
import { buildOperation, checkTemplates, texts } from './operation.ts';

export function buildRead({ entity, report, at }: EntityDraft): EntityConfig['read'] {
  const read = entity.read && buildOperation(entity.read, 'GET', ['id'], ['id'], report, at('read'));
  if (entity.read?.exists !== undefined) {
    checkTemplates({ exists: entity.read.exists }, ['id'], report, at('read'));
    if (!entity.read.exists.includes('{id}'))
      report.add('CONFIG_SCHEMA', at('read', 'exists'), 'The path must hold {id}.');
    if (entity.read.items === undefined)
      report.add(
        'CONFIG_SCHEMA',
        at('read', 'exists'),
        '"exists" is for a record that is read through a list: add "items".',
        'key',
      );
  }
  return read && { ...read, items: entity.read?.items, exists: entity.read?.exists };
}

const SEARCHED = {
  value: 'the value searched for',
  prefix: 'the beginning of the value searched for',
} as const;

export function buildFind(draft: EntityDraft): FindConfig | undefined {
  const { entity, report, at } = draft;
  if (!entity.find) return undefined;
  return {
    ...buildOperation(entity.find, 'GET', [], [], report, at('find')),
    items: entity.find.items ?? '',
    by: buildSearch(draft, 'by', 'value'),
    unsafe: entity.find.unsafe ?? '',
    prefix: buildSearch(draft, 'prefix', 'prefix'),
  };
}

function buildSearch(
  draft: EntityDraft,
  key: 'by' | 'prefix',
  place: 'value' | 'prefix',
): Record<string, Record<string, string>> {
  const { entity, report, at } = draft;
  const made: Record<string, Record<string, string>> = {};
  for (const [field, query] of Object.entries(entity.find?.[key] ?? {})) {
    const where = at('find', key, field);
    checkPath(draft, field, where, 'key');
    made[field] = texts(query);
    if (!Object.values(made[field]).some((text) => text.includes(`{${place}}`)))
      report.add(
        'CONFIG_SCHEMA',
        where,
        `One of these query parameters must hold {${place}}, ${SEARCHED[place]}.`,
        'key',
      );
    checkTemplates(made[field], [place], report, where);
  }
  return made;
}

export function buildCreate({ entity, report, at }: EntityDraft): CreateConfig | undefined {
  if (!entity.create) return undefined;
  const create: CreateConfig = {
    ...buildOperation(entity.create, 'POST', [], [], report, at('create')),
    idempotency: entity.create.idempotency,
    answer: entity.create.answer ?? 'record',
  };
  if (create.answer === 'id' && !entity.read)
    report.add(
      'CONFIG_OPERATION',
      at('create', 'answer'),
      '"answer: id" needs the operation "read", to read what was made.',
    );
  return create;
}

export function buildUpdate({ entity, report, at }: EntityDraft): UpdateConfig | undefined {
  if (!entity.update) return undefined;
  const update: UpdateConfig = {
    ...buildOperation(entity.update, 'PATCH', ['id'], ['id'], report, at('update')),
    mask: entity.update.mask,
    maskStyle: entity.update.maskStyle ?? 'comma',
    nested: entity.update.nested ?? 'merge',
    version: entity.update.version,
    answer: entity.update.answer ?? 'record',
  };
  if (update.answer === 'none' && !entity.read)
    report.add(
      'CONFIG_OPERATION',
      at('update', 'answer'),
      '"answer: none" needs the operation "read", to read what was written.',
    );
  return update;
}

export function buildDelete({ entity, report, at }: EntityDraft): OperationConfig | undefined {
  return entity.delete && buildOperation(entity.delete, 'DELETE', ['id'], ['id'], report, at('delete'));
}

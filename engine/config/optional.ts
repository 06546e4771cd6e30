/** Properties that answers hold only when the query asks for them (`optional` of an entity), and which operations do not ask. Pure. */
import type { JsonObject } from '../types.ts';
import type { EntityConfig, OperationConfig } from './types.ts';

/**
 * Operations whose answers lack a top-level property, as their query does not name it; none where answers always hold it.
 * What a create or an update answers counts only where it is taken as the record.
 */
export function lackedBy(entity: EntityConfig, root: string): string[] {
  const { optional, list, read, find, create, update } = entity;
  if (!optional || optional.names?.includes(root) === false) return [];
  const operations: Record<string, OperationConfig | undefined> = {
    list,
    read,
    find,
    create: create?.answer === 'record' ? create : undefined,
    update: update?.answer === 'record' ? update : undefined,
  };
  return Object.entries(operations).flatMap(([name, operation]) =>
    operation === undefined || namesIn(operation, optional.param).includes(root) ? [] : [name],
  );
}

const namesIn = ({ query }: OperationConfig, param: string): string[] =>
  (query[param] ?? '').split(',').map((name) => name.trim());

/** What to say of it, with the entity and its system in front. */
export const lackMessage = (root: string, operations: readonly string[], param: string): string =>
  `answers ${root} only where the query parameter "${param}" names it, and ${operations.map((name) => `"${name}"`).join(', ')} ${operations.length === 1 ? 'does' : 'do'} not: it would be taken for empty, and what is in it could be lost. Add it to "${param}" there`;

/**
 * Which optional properties an expression reads: `notes`, `address.line1`, `$record.notes`.
 * @param bare whether the record itself is the input; else only what follows `$record` counts
 */
export function readBy(entity: EntityConfig, source: string, bare: boolean): string[] {
  if (!entity.optional) return [];
  const properties = entity.schema.properties as JsonObject | undefined;
  return (entity.optional.names ?? Object.keys(properties ?? {})).filter((name) => {
    const escaped = name.replace(/[^\w]/g, '\\$&');
    const before = bare ? `(?:(?<![\\w.'"\`$])|\\$record\\.|\\$\\.)` : '\\$record\\.';
    return new RegExp(`${before}${escaped}(?![\\w'"\`(])`).test(source);
  });
}

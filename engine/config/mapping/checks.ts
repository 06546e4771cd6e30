/** Checks of a mapping as a whole. */

import type { ErrorCode } from '../../errors.ts';
import type { PathStep, WritablePath } from '../../expression/path.ts';
import { otherSide } from '../../types.ts';
import type { DeleteRule, Property } from '../types.ts';
import type { YamlPath } from '../yaml.ts';
import type { Compiling } from './compiling.ts';
import { type CreateRules, createPath } from './sides.ts';

/** No place is written by two rows, nor by a row and the correlation. */
export function checkTargets(
  state: Compiling,
  properties: readonly Property[],
  correlate: readonly [WritablePath | undefined, WritablePath | undefined],
): void {
  for (const side of state.sides) {
    const written: { steps: readonly PathStep[]; what: string }[] = [];
    const correlated = correlate[side.index];
    if (correlated) written.push({ steps: correlated.steps, what: '"correlate"' });
    for (const [i, property] of properties.entries()) {
      const { path } = property.sides[side.index];
      if (!path || (property.direction !== 'both' && property.direction !== side.index)) continue;
      const other = written.find((one) => overlaps(one.steps, path.steps));
      if (other)
        state.report.add(
          'CONFIG_DUPLICATE',
          ['properties', i, side.name],
          `${path.source} is written by ${other.what} already; one place takes one value.`,
        );
      else written.push({ steps: path.steps, what: `properties[${i}]` });
    }
  }
}

function overlaps(a: readonly PathStep[], b: readonly PathStep[]): boolean {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    if (a[i]!.name !== b[i]!.name) return false;
    const [first, second] = [a[i]!.select, b[i]!.select];
    if (first && second && JSON.stringify(first) !== JSON.stringify(second)) return false;
  }
  return true;
}

export function checkOperations(
  state: Compiling,
  create: CreateRules,
  deletes: readonly [DeleteRule, DeleteRule],
  properties: readonly Property[],
): void {
  const { report, draft } = state;
  for (const side of state.sides) {
    const { entityConfig: entity, index, name } = side;
    const lacks = (
      operation: string,
      why: string,
      path: YamlPath,
      of: 'value' | 'key' = 'value',
      code: ErrorCode = 'CONFIG_OPERATION',
    ): void => report.add(code, path, `${side.entity} of ${side.system} has no operation "${operation}", ${why}`, of);
    if (!entity.list) lacks('list', 'without which its records cannot be seen.', ['between', name]);
    if (!entity.read) lacks('read', 'without which no record can be reconciled.', ['between', name]);
    const at = createPath(draft, index);
    if (create[index] !== undefined && properties.length > 0) {
      const written = new Set(
        properties
          .filter((property) => property.direction === 'both' || property.direction === index)
          .map((property) => property.sides[index].path?.root),
      );
      for (const field of Array.isArray(entity.schema.required) ? entity.schema.required : []) {
        if (written.has(String(field))) continue;
        report.add(
          'CONFIG_SCHEMA',
          at,
          `A new record of ${side.entity} needs "${String(field)}", which no property writes; add one, or do not create on ${name}.`,
        );
      }
    }
    if (create[index] !== undefined && !entity.create) lacks('create', `so "${name}" cannot stand here.`, at);
    if (deletes[index] === 'propagate' && !entity.delete) {
      lacks(
        'delete',
        'so deletes cannot propagate to it; write keep or review.',
        typeof draft.content.deletes === 'string' ? ['deletes'] : ['deletes', name],
      );
    }
    const flows = properties.findIndex((property) => property.direction === 'both' || property.direction === index);
    if (flows >= 0 && !entity.update) {
      const other = state.sides[otherSide(index)].name;
      lacks('update', `so no value can flow to it; set "direction: ${other}" on the properties.`, [
        'properties',
        flows,
        name,
      ]);
    }
  }
}

/** A mapping without rows only links: it needs a rule by which, and a record made by it would be empty. */
export function checkLinkOnly({ draft: { content, sides }, report }: Compiling, create: CreateRules): void {
  if (content.properties.length > 0) return;
  if ((content.match ?? []).length === 0 && Object.keys(content.correlate ?? {}).length === 0)
    report.add(
      'CONFIG_SCHEMA',
      ['properties'],
      'Without properties a mapping only links records: add a "match" rule or "correlate", by which it finds them.',
    );
  const { deletes = 'keep' } = content;
  if (deletes === 'propagate' || (typeof deletes === 'object' && Object.values(deletes).includes('propagate')))
    report.add(
      'CONFIG_SCHEMA',
      ['deletes'],
      'Without properties it is not known whether a record was edited meanwhile: write keep or review.',
    );
  for (const side of [0, 1] as const)
    if (create[side] !== undefined)
      report.add(
        'CONFIG_SCHEMA',
        createPath({ content, sides }, side),
        `Without properties a new record would be empty: add properties, or create nothing on ${sides[side].name}.`,
      );
}

/** A copy of each record would be a record of the same entity, which takes part too and gets a copy of its own, and so on. */
export function checkOneEntity({ draft, report, sides: [a, b] }: Compiling, create: CreateRules): void {
  const same = a.system === b.system && a.entity === b.entity;
  const { when = {} } = draft.content;
  const [first, second] = [a, b].map(({ name }) => (Object.hasOwn(when, name) ? when[name]?.trim() : undefined));
  if (!same || (first !== undefined && second !== undefined && first !== second)) return;
  for (const side of [a, b])
    if (create[side.index] !== undefined)
      report.add(
        'CONFIG_SCHEMA',
        createPath(draft, side.index),
        `Both sides are ${a.entity} of ${a.system}, so each new record would get a copy, and the copy another one. Write a "when" for each side that keeps them apart, or create nothing.`,
      );
}

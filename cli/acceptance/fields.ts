/** Fields that expressions of a mapping read, as far as they are simple. */
import jsonata from 'jsonata';
import type { WritablePath } from '../../engine/index.ts';
import { type Condition, conditionOf, pathOf } from '../dataflow/condition.ts';

type Node = NonNullable<Parameters<typeof pathOf>[0]>;

/** Each path of an expression that could be written, once. */
export function fieldsRead(source: string): WritablePath[] {
  const found = new Map<string, WritablePath>();
  const visit = (node: unknown): void => {
    if (typeof node !== 'object' || node === null) return;
    const path = pathOf(node as Node);
    if (path) found.set(path.source, path);
    else for (const part of Object.values(node)) visit(part);
  };
  try {
    visit(jsonata(source).ast());
  } catch {
    // The mapping is loaded, so it compiles; what this library makes of it is of no use here.
  }
  return [...found.values()];
}

/** Whether both lead to one place, however they are quoted. */
export const samePlace = (a: WritablePath, b: WritablePath): boolean =>
  JSON.stringify(a.steps) === JSON.stringify(b.steps);

export type FieldTest = Extract<Condition, { readonly path: WritablePath }>;

/** All that must be true at once for a record to take part, as far as it is simple; nothing where it is not. */
export function conditionTests(source: string): FieldTest[] {
  const condition = conditionOf(source, () => 'scalar');
  const tests = condition && 'all' in condition ? condition.all : condition ? [condition] : [];
  return tests.filter((one): one is FieldTest => 'path' in one);
}

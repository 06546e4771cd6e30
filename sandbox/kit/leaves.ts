// The single values of a record, by dotted path: names of objects and places of lists ("billing.city", "email_addresses.0.email").

import { isObject, type JsonObject } from './json.ts';

const isBranch = (value: unknown): value is JsonObject | unknown[] => isObject(value) || Array.isArray(value);

function leaves(value: unknown, path = ''): [string, unknown][] {
  if (!isBranch(value)) return [[path, value]];
  return Object.entries(value).flatMap(([name, inner]) => leaves(inner, path === '' ? name : `${path}.${name}`));
}

/** The values that differ, with those after the change; undefined where one is not there any more. */
export function changedLeaves(before: JsonObject, after: JsonObject): [string, unknown][] {
  const then = new Map(leaves(before));
  const now = new Map(leaves(after));
  return [...new Set([...then.keys(), ...now.keys()])]
    .filter((path) => !Object.is(then.get(path), now.get(path)))
    .map((path) => [path, now.get(path)]);
}

export function leafAt(record: unknown, path: string): unknown {
  return path
    .split('.')
    .reduce<unknown>((value, name) => (isBranch(value) ? (value as JsonObject)[name] : undefined), record);
}

/** A copy with another value at a path. Undefined removes it, and an object that has nothing else. */
export function withLeaf(record: JsonObject, path: string, value: unknown): JsonObject {
  const [name = '', ...rest] = path.split('.');
  const inner = record[name];
  const next = rest.length === 0 ? value : withBranch(inner, rest, value);
  if (next === undefined) {
    const { [name]: _, ...others } = record;
    return others;
  }
  return { ...record, [name]: next };
}

function withBranch(inner: unknown, [name = '', ...rest]: string[], value: unknown): unknown {
  if (Array.isArray(inner)) {
    const items = [...inner];
    items[Number(name)] = rest.length === 0 ? value : withBranch(items[Number(name)], rest, value);
    return items;
  }
  const changed = withLeaf(isObject(inner) ? inner : {}, [name, ...rest].join('.'), value);
  return Object.keys(changed).length === 0 ? undefined : changed;
}

/** A number, or a decimal in a text, with fewer places; the text keeps its length. Anything else stays as it is. */
export function rounded(value: unknown, places: number): unknown {
  const factor = 10 ** places;
  const round = (number: number) => Math.round(number * factor) / factor;
  if (typeof value === 'number') return round(value);
  const [, decimals] = typeof value === 'string' ? (/^\d+\.(\d+)$/.exec(value) ?? []) : [];
  return decimals === undefined ? value : round(Number(value)).toFixed(decimals.length);
}

/** The same text in another form; none of them changes it a second time. */
export function reformatted(value: string, form: 'line-ends' | 'lower-case' | 'decomposed' | 'trailing-space'): string {
  switch (form) {
    case 'line-ends':
      return value.replace(/\r?\n/g, '\r\n');
    case 'lower-case':
      return value.toLowerCase();
    case 'decomposed':
      return value.normalize('NFD');
    case 'trailing-space':
      return value === '' || value.endsWith(' ') ? value : `${value} `;
  }
}

/** Filling `{name}` into paths, queries and bodies of a system file. Pure. */
import { TandemError } from '../../errors.ts';
import { isObject } from '../../json.ts';
import type { Json, JsonObject } from '../../types.ts';

export type Values = Readonly<Record<string, string | undefined>>;

const PLACE = /\{([a-z]+)\}/gi;

/** A path with each value percent-encoded. A value that would name another resource (empty, `.`, `..`) is refused. */
export function fillPath(template: string, values: Values): string {
  return template.replace(PLACE, (place, name: string) => {
    const value = values[name];
    if (value === undefined) return place;
    // Half a surrogate pair cannot be encoded.
    if (value === '' || value === '.' || value === '..' || /\p{Surrogate}/u.test(value)) {
      throw new TandemError('BAD_REQUEST', `'${value}' cannot be an id in the path ${template}`);
    }
    return encodeURIComponent(value);
  });
}

/** Values go in raw: URLSearchParams encodes them, once. */
export function fillQuery(template: Readonly<Record<string, string>>, values: Values): URLSearchParams {
  const query = new URLSearchParams();
  for (const [name, text] of Object.entries(template)) query.set(name, fillText(text, values));
  return query;
}

function fillText(template: string, values: Values): string {
  return template.replace(PLACE, (place, name: string) => values[name] ?? place);
}

/** Fills every string of a JSON template. */
export function fillJson(template: JsonObject, values: Values): JsonObject {
  const fill = (value: Json): Json => {
    if (typeof value === 'string') return fillText(value, values);
    if (Array.isArray(value)) return value.map(fill);
    if (isObject(value)) return fillJson(value, values);
    return value;
  };
  return Object.fromEntries(Object.entries(template).map(([key, value]) => [key, fill(value)]));
}

/** Reading by the paths of a system file: those of the expression layer, and '' for the whole. Pure. */
import { parsePath, type WritablePath } from '../../expression/path.ts';
import { isObject } from '../../json.ts';

export { isObject };

/** A system file names few paths, and every record is read by them. */
const parsed = new Map<string, WritablePath | undefined>();
const MOST_PARSED = 1_000;

/** @returns the value at the path, undefined where it leads nowhere or is no simple path */
export function readPath(value: unknown, source: string): unknown {
  if (source === '') return value;
  if (!isObject(value)) return undefined;
  if (!parsed.has(source)) {
    if (parsed.size >= MOST_PARSED) parsed.clear();
    parsed.set(source, parsePath(source));
  }
  return parsed.get(source)?.get(value);
}

export function property(value: unknown, name: string): unknown {
  return isObject(value) && Object.hasOwn(value, name) ? value[name] : undefined;
}

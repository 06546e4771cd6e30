/** How many values something holds, without looking at more of them than are allowed. */
import { ExactNumber } from '../json.ts';
import { MAX_NESTING } from './limits.ts';

export type Size = 'fits' | 'deep' | 'large';

/**
 * Whether a value that was JSON may be given to expressions.
 * @param most how many values it may hold: itself, each field and each element at any depth
 * @param levels how deep it may nest; one that nests deeper would overflow whatever walks through it
 * @param isLeaf objects that are not looked into
 */
export function sizeOf(
  value: unknown,
  most: number,
  levels: number = MAX_NESTING,
  isLeaf: (item: object) => boolean = () => false,
): Size {
  let left = most;
  const visit = (item: unknown, level: number): Size => {
    if (--left < 0) return 'large';
    if (typeof item !== 'object' || item === null || item instanceof ExactNumber || isLeaf(item)) return 'fits';
    if (level === 0) return 'deep';
    if (Array.isArray(item)) {
      if (item.length > left) return 'large';
      for (const element of item) {
        const size = visit(element, level - 1);
        if (size !== 'fits') return size;
      }
      return 'fits';
    }
    for (const name in item) {
      const size = visit((item as Record<string, unknown>)[name], level - 1);
      if (size !== 'fits') return size;
    }
    return 'fits';
  };
  return visit(value, levels);
}

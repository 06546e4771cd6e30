/** Values of a row as they stand in records, and whether two are the same under its type. */
import { canonical, isEmpty, type Json, type Property, type SideIndex, type SystemRecord } from '../../engine/index.ts';

export const place = (property: Property, side: SideIndex, record: SystemRecord): Json =>
  (property.sides[side].path?.get(record.data) ?? null) as Json;

export function same(a: unknown, b: unknown, property: Property): boolean {
  try {
    return canonical(a, property) === canonical(b, property);
  } catch {
    return JSON.stringify(a) === JSON.stringify(b);
  }
}

const LONGEST = 80;

export function shown(value: unknown): string {
  if (isEmpty(value)) return 'nothing';
  const text = JSON.stringify(value);
  return text.length > LONGEST ? `${text.slice(0, LONGEST - 1)}…` : text;
}

/** A value of a record in one line of a table. */

/** Longer values are cut; --json has them whole. */
const WIDTH = 40;

export function truncate(value: unknown): string {
  if (value === undefined || value === null || value === '') return '-';
  const text = (typeof value === 'string' ? value : JSON.stringify(value)).replace(/\s+/g, ' ');
  return text.length > WIDTH ? `${text.slice(0, WIDTH - 3)}...` : text;
}

/** The hash of a mapping's progress, and texts in it that count under the rules alone under which they were noted. */

// What was done under other match rules does not count, and is overwritten.
export const marked = (text: string, by: string): string => `${by}|${text}`;

export const unmarked = (text: string | null | undefined, by: string): string | undefined =>
  text?.startsWith(`${by}|`) ? text.slice(by.length + 1) : undefined;

export const progressKey = (base: string): string => `${base}progress`;

/** Forms of a text that people take for the same: `equal` of a property or an entity declares which of them count as equal. */

export const FORMS = ['line-ends', 'composition', 'outer-spaces', 'case'] as const;
export type Form = (typeof FORMS)[number];

const APPLY: Readonly<Record<Form, (text: string) => string>> = {
  'line-ends': (text) => text.replaceAll(/\r\n?/g, '\n'),
  composition: (text) => text.normalize('NFC'),
  'outer-spaces': (text) => text.replaceAll(/[^\S\r\n]+(?=[\r\n])/g, '').trim(),
  case: (text) => text.toLowerCase(),
};

/** @returns the same text for all texts that are equal but for these forms */
export const inForm = (text: string, forms: readonly Form[]): string =>
  FORMS.reduce((made, form) => (forms.includes(form) ? APPLY[form](made) : made), text);

/** @returns as few forms as possible of which two texts differ alone; undefined where they differ in more */
export function formsBetween(a: string, b: string): readonly Form[] | undefined {
  const sets = Array.from({ length: 2 ** FORMS.length }, (_, bits) => FORMS.filter((_form, i) => bits & (1 << i)));
  return sets.sort((one, two) => one.length - two.length).find((forms) => inForm(a, forms) === inForm(b, forms));
}

/** Whether two values say the same, as far as letters and digits go: a phone number with and without its spaces. */
export function sameButForm(a: unknown, b: unknown): boolean {
  if (typeof a === 'object' || typeof b === 'object') return false;
  const [first, second] = [bare(String(a)), bare(String(b))];
  return first !== '' && first === second;
}

const bare = (text: string): string =>
  text
    .normalize('NFKC')
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N}]/gu, '');

export interface RetiredWords {
  readonly words: readonly {
    readonly word: string;
    readonly pattern?: string;
    readonly in: readonly string[];
    readonly say: string;
  }[];
  readonly exceptions: readonly { readonly text: string; readonly why: string; readonly files: readonly string[] }[];
}

export function findRetiredWords(
  list: RetiredWords,
  files: Iterable<{ readonly path: string; readonly text: string }>,
): {
  found: { path: string; line: number; word: string; say: string }[];
  unused: { text: string; start: string }[];
};

/** The lint that keeps retired words out. */
import { readFileSync } from 'node:fs';
import { describe, expect, it, test } from 'vitest';
import { findRetiredWords, type RetiredWords } from '../../../scripts/words.mjs';

const list = JSON.parse(readFileSync('scripts/retired-words.json', 'utf8')) as RetiredWords;

test.each(list.words.map(({ word, say }) => [word, say]))(
  'the retired word "%s" is found where it is planted',
  (word, say) => {
    const { found } = findRetiredWords({ ...list, exceptions: [] }, [
      { path: 'engine/a.ts', text: `// One line.\nconst a = 1; // ${word}\n` },
    ]);
    expect(found).toContainEqual(expect.objectContaining({ path: 'engine/a.ts', line: 2, say }));
  },
);

const find = (kind: string, word: string, text: string) =>
  findRetiredWords({ words: [{ word, in: [kind], say: 'other' }], exceptions: [] }, [{ path: 'a.ts', text }]).found.map(
    (one) => `${one.line} ${one.word}`,
  );

describe('a retired word', () => {
  it('is found in prose as a whole word in any case, and not as a part of another one', () =>
    expect(find('prose', 'old', '// Old\nit("is old")\nconst older = bold')).toEqual(['1 Old', '2 old']));

  it('is found in names as a part of a name, and not as a part of a word', () =>
    expect(find('names', 'oldName', 'noteOldName()\noldName\noldNamesake\nboldName')).toEqual([
      '1 OldName',
      '2 oldName',
    ]));

  it('is found in names as it is written where it begins with a capital', () =>
    expect(find('names', 'OLD', 'const OLD = 1\nold\nBOLD')).toEqual(['1 OLD']));

  it('is found in codes exactly as it is written', () =>
    expect(find('codes', '--old', 'list --old\nlist --older\n--OLD')).toEqual(['1 --old']));
});

describe('an exception', () => {
  const words = [{ word: 'old', in: ['prose'], say: 'other' }];
  const exceptions = [{ text: 'old town', why: 'a name', files: ['docs/'] }];

  it('permits its text in its files only', () => {
    const files = ['docs/a.md', 'cli/b.ts'].map((path) => ({ path, text: 'the old town, and old news' }));
    expect(findRetiredWords({ words, exceptions }, files)).toEqual({
      found: [
        { path: 'docs/a.md', line: 1, word: 'old', say: 'other' },
        { path: 'cli/b.ts', line: 1, word: 'old', say: 'other' },
        { path: 'cli/b.ts', line: 1, word: 'old', say: 'other' },
      ],
      unused: [],
    });
  });

  it('is reported where it has no occurrence', () =>
    expect(findRetiredWords({ words, exceptions }, [{ path: 'docs/a.md', text: 'new' }]).unused).toEqual([
      { text: 'old town', start: 'docs/' },
    ]));
});

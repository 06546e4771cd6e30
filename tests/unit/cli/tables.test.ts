// Tables for a terminal hold whatever text they are given.
import { describe, expect, it } from 'vitest';
import { textTable } from '../../../cli/format/terminal-table.ts';

describe('textTable', () => {
  it('lines columns up, numbers to the right, without frames or trailing blanks', () => {
    const table = textTable(
      ['name', 'count'],
      [
        ['a', 1],
        ['longer', 100],
      ],
    );
    expect(table.split('\n')).toEqual(['name    count', 'a           1', 'longer    100']);
  });

  it('shows the head alone where there are no rows', () => {
    expect(textTable(['name', 'count'], [])).toBe('name  count');
  });

  it('lets no text control the terminal', () => {
    expect(textTable(['name'], [['\u001b[31mred\u0007']])).toBe('name\n[31mred');
  });
});

/** The conflict rules: types, what a mapping file may say, and the words of documents follow from this table. */
import type { SideIndex } from '../types.ts';

/**
 * What decides where both records changed a property, beside a side that always wins. `sentence` and `cell`: in words;
 * `modified`: it compares when the records were modified, so that both entities must state that.
 */
export const CONFLICT_RULES = {
  latest: {
    sentence: 'the record that was modified later wins',
    cell: 'later modification wins',
    modified: true,
  },
  review: {
    sentence: 'a person decides, and until then neither side is written',
    cell: 'a person decides',
    modified: false,
  },
} as const;

export type NamedConflictRule = keyof typeof CONFLICT_RULES;
/** One of the table, or the side that wins. */
export type ConflictRule = NamedConflictRule | SideIndex;

export const NAMED_CONFLICT_RULES = Object.keys(CONFLICT_RULES) as NamedConflictRule[];

/** Of a mapping that states none. */
export const DEFAULT_CONFLICT_RULE: NamedConflictRule = 'latest';

/** Whether a rule is one of the table; else it names a side. */
export const isNamedConflictRule = (text: string): text is NamedConflictRule => Object.hasOwn(CONFLICT_RULES, text);

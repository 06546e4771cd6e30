/** How much an expression may use. Generous for any conversion of a record; small against a worker's event loop. */

/** Milliseconds of computing per evaluation; waiting for `$link`, `$record` and `$find`, and for its turn, does not count. */
export const MAX_MILLISECONDS = 1_000;
/** Milliseconds that all evaluations together may use the event loop for before all else has its turn. */
export const SLICE_MILLISECONDS = 10;
/** Nested evaluations: about a hundred levels of recursion. */
export const MAX_DEPTH = 800;
/** Elements of a list that an expression makes, or gives to a function. */
export const MAX_SEQUENCE = 10_000;
/** Elements of all ranges (`[1..n]`) of one evaluation: a range costs nothing to write, and its end may come from a record. */
export const MAX_RANGES = 1_000_000;
/** Characters of a text that an expression makes, or gives to a function. */
export const MAX_STRING = 1_000_000;
/** Values within one record, or within one result: each field, element, text and number, and what holds them. */
export const MAX_VALUES = 50_000;
/** Levels of nesting within one record. */
export const MAX_NESTING = 100;
/** Characters of a text that a regular expression is tried on: the engine takes up to 10 microseconds for each. */
export const MAX_REGEX_TEXT = 30_000;
/** The same, times the instructions of the regular expression. */
export const MAX_REGEX_STEPS = 3_000_000;
/** Characters of a text that a pattern or format of a schema is tried on: no groups are asked for, which is faster. */
export const MAX_PATTERN_TEXT = 100_000;
/** Characters of a picture of a time or number, and of a text that is read by one. */
export const MAX_PICTURE = 128;
/** Widest component of a picture. */
export const MAX_WIDTH = 99;
/** Characters of an expression's source. */
export const MAX_SOURCE = 10_000;
/** Calls of `$link`, `$record` and `$find` per evaluation. */
export const MAX_CALLS = 100;

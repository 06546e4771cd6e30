/** How much an expression may use. Generous for any conversion of a record; small against a worker's event loop. */

/** Milliseconds of computing per evaluation; waiting for `$link`, `$record` and `$find` does not count. */
export const MAX_MILLISECONDS = 1_000;
/** Milliseconds that one regular expression may take of them. */
export const REGEX_MILLISECONDS = 500;
/** Nested evaluations: about a hundred levels of recursion. */
export const MAX_DEPTH = 800;
/** Elements of a list that an expression makes. */
export const MAX_SEQUENCE = 10_000;
/** Characters of a text that an expression makes. */
export const MAX_STRING = 1_000_000;
/** Values within one result. */
export const MAX_RESULT_NODES = 100_000;
/** Characters of an expression's source. */
export const MAX_SOURCE = 10_000;
/** Calls of `$link`, `$record` and `$find` per evaluation. */
export const MAX_CALLS = 100;

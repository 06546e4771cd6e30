export { type Changes, changeTo, type Outcome, type OutcomeKind, outcome } from '../model/outcome.ts';

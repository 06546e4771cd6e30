/**
 * What is to be done about one record: the one decision of the engine. It looks at what is known and answers with the next
 * question, the next action, or the end. Pure: no I/O, no clock, no randomness, so a plan is the same decision printed.
 */
import type { Step } from '../sync/actions.ts';
import type { Facts } from '../sync/facts.ts';
import { decideChoice } from './choices.ts';
import { decideLinked } from './linked.ts';
import { wakingAfterReuse } from './reused.ts';
import { decideUnlinked } from './unlinked-record.ts';

export const decide = (facts: Facts): Step => wakingAfterReuse(facts, decideOne(facts));

function decideOne(facts: Facts): Step {
  if (facts.choice) return decideChoice(facts, facts.choice);
  return facts.stored.link ? decideLinked(facts, facts.stored.link) : decideUnlinked(facts);
}

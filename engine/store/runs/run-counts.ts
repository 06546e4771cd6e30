/** What a run counts of what became of a record. */
import { OUTCOMES, type Outcome } from '../../model/outcome.ts';
import type { RunCount } from '../types.ts';

/** What the runs of a record count of what became of it. */
export const runCount = (outcome: Outcome): RunCount => ({
  place: isPlace(outcome.kind) ? outcome.kind : '',
  did: didSomething(outcome),
  fields: increments(outcome).filter(([field]) => !isPlace(field)),
});

/** Where a record may stand at the end of its work, and come back from: counted by record, not by try. */
export const PLACES = ['waiting', 'review', 'failed', 'retrying'] as const;
export const isPlace = (name: string): name is (typeof PLACES)[number] => PLACES.some((place) => place === name);

export const didSomething = ({ kind, writes }: Outcome): boolean =>
  ['matched', 'created', 'updated', 'deleted'].includes(kind) || writes.some((names) => names.length > 0);

export function increments(outcome: Outcome): [string, number][] {
  const fields: [string, number][] = [];
  const { counter } = OUTCOMES[outcome.kind];
  if (counter !== undefined) {
    const perSide = counter === 'created' || counter === 'deleted';
    fields.push([perSide ? `${counter}:${outcome.side ?? 0}` : counter, 1]);
  }
  if (outcome.kind !== 'created')
    for (const side of [0, 1] as const) if (outcome.writes[side].length > 0) fields.push([`updated:${side}`, 1]);
  if (outcome.conflicts) fields.push(['conflicts', outcome.conflicts.length]);
  return fields;
}

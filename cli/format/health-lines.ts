/** Health of a running Tandem as people read it. */
import type { Health } from '../../api/index.ts';

/** What is to be said of systems: nothing of those that answer. */
export const systemNotes = ({ systems }: Health): string[] =>
  Object.entries(systems).flatMap(([name, { state, at, since, next, reason }]) => {
    if (state === 'unauthorized' || state === 'refusing')
      return [`${reason ?? name} since ${since}; it is tried again at ${next}`];
    if (state === 'down') return [`${name} is down since ${since}: its work waits; it is tried again at ${next}`];
    if (state === 'read-only')
      return [`${name} takes no writes since ${since}: they wait; one is tried again at ${next}`];
    if (state === 'failing') return [`${name}: the last call failed${at === undefined ? '' : ` (${at})`}`];
    return [];
  });

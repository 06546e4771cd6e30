/** How the result of a create whose answer was lost is looked for, where the mapping was edited since. */
import { expect, it } from 'vitest';
import type { Mapping } from '../../../engine/config/types.ts';
import { findUnconfirmedCreate } from '../../../engine/sync/find-create.ts';
import type { MappingScope } from '../../../engine/sync/scope.ts';
import { mappingOf, NOW, PLACE, steps, view } from '../merge/situation.ts';

const ann = view(0, ['Ann', 'p1']);

/** The first try is made under one mapping, its result is looked for under the other. @returns each way that is tried */
async function waysOf(then: Mapping, now: Mapping): Promise<string[]> {
  const all = steps({ records: [ann, undefined], mapping: then });
  const [pending] = all.flatMap(({ step }) =>
    step.kind === 'act' && step.action.do === 'begin' ? [step.action.create!.pending] : [],
  );
  const ways: string[] = [];
  const client = {
    find: async (_: string, field: string) => {
      ways.push(field);
      return [];
    },
    capabilities: () => ({ list: { since: true } }),
    clock: { earliest: async () => NOW },
    // biome-ignore lint/correctness/useYield: a list without a page
    async *list() {
      ways.push('recent');
    },
  };
  const links = { reader: { counterparts: async () => [] }, issues: { pendingCreates: async () => [] } };
  const scope = { mapping: now, clients: [client, client], links } as unknown as MappingScope;
  const keys = now.match.map(({ name }) => (name === 'name' ? 'Ann' : 'ann@x'));
  await findUnconfirmedCreate(scope, view(0, ['Ann', 'p1'], { keys }), pending!);
  return ways;
}

const searchable = (name: string) => ({ name, onMatch: 'link', find: ['email', 'email'] }) as const;
const byRule = mappingOf({ match: [searchable('email')] });
const correlated = mappingOf({ sides: [{}, { correlate: PLACE }], match: [searchable('email')] });

it.each([
  ['by the place that names the source', correlated, correlated, ['ref']],
  ['by a match rule, where nothing named the source', byRule, correlated, ['email']],
  [
    'by a match rule that stands at another place now',
    byRule,
    mappingOf({ match: [searchable('name'), searchable('email')] }),
    ['email'],
  ],
  [
    'among what changed since, where the match rule is another one',
    byRule,
    mappingOf({ match: [searchable('mail')] }),
    ['recent'],
  ],
] as const)('it is looked for %s', async (_, then, now, ways) => expect(await waysOf(then, now)).toEqual(ways));

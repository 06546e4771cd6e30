/** The values of all linked pairs of a world, compared by the oracle of the sandbox, which shares no code with the engine. */
import { type Comparison, compareValues, type Pair, type Pairs } from '../../sandbox/oracle/compare.ts';
import type { MappingName } from '../../sandbox/seed/index.ts';
import type { World } from './world.ts';

const KEAP_ENTITIES: Readonly<Record<MappingName, 'companies' | 'contacts' | 'products' | 'opportunities'>> = {
  'company-customer': 'companies',
  'contact-customer': 'contacts',
  'product-product': 'products',
  'opportunity-order': 'opportunities',
};

export async function compareWorld(world: World): Promise<readonly Comparison[]> {
  const pairs = await Promise.all(
    (Object.keys(KEAP_ENTITIES) as MappingName[]).map(async (mapping) => {
      const links = world.engine.links(mapping);
      const found: Pair[] = [];
      for (const { id: keap } of world.keap.store.table(KEAP_ENTITIES[mapping]).values()) {
        const shop = await links.counterpart(0, keap);
        if (shop !== undefined) found.push({ keap, shop });
      }
      return [mapping, found] as const;
    }),
  );
  return compareValues(
    { keap: (path) => world.keapApi('GET', path), shop: (path) => world.shopApi('GET', path) },
    Object.fromEntries(pairs) as unknown as Pairs,
  );
}

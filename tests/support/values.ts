/** The values of all linked pairs of a world, compared by the oracle of the sandbox, which shares no code with the engine. */
import type { Api, Apis } from '../../sandbox/demo/apis.ts';
import { type Comparison, compareValues, type Pair, type Pairs } from '../../sandbox/oracle/compare.ts';
import type { MappingName } from '../../sandbox/seed/index.ts';
import type { World } from './world.ts';

const KEAP_ENTITIES: Readonly<Record<MappingName, 'companies' | 'contacts' | 'products' | 'opportunities'>> = {
  'company-customer': 'companies',
  'contact-customer': 'contacts',
  'product-product': 'products',
  'opportunity-order': 'opportunities',
};

/** All linked pairs, asked record by record. */
async function pairsOf(world: World): Promise<Pairs> {
  const pairs = await Promise.all(
    (Object.keys(KEAP_ENTITIES) as MappingName[]).map(async (mapping) => {
      const links = world.engine.links(mapping);
      const found: Pair[] = [];
      for (const { id: keap } of world.keap.store.table(KEAP_ENTITIES[mapping]).values()) {
        const shop = await links.reader.counterpart(0, keap);
        if (shop !== undefined) found.push({ keap, shop });
      }
      return [mapping, found] as const;
    }),
  );
  return Object.fromEntries(pairs) as unknown as Pairs;
}

export const compareWorld = async (world: World): Promise<readonly Comparison[]> =>
  compareValues(
    { keap: (path) => world.keapApi('GET', path), shop: (path) => world.shopApi('GET', path) },
    await pairsOf(world),
  );

/** The three APIs as the demo uses them; of Tandem's only the links. */
export async function demoApis(world: World): Promise<Apis> {
  const pairs = await pairsOf(world);
  const only = (get: Api['get']): Api => ({ url: '', get, send: () => Promise.reject(new Error('Only GET here.')) });
  return {
    keap: only((path) => world.keapApi('GET', path)),
    shop: only((path) => world.shopApi('GET', path)),
    tandem: only(async (path) => {
      const [, mapping] = /^\/links\/([\w-]+)/.exec(path) ?? [];
      return { links: pairs[mapping as MappingName].map(({ keap, shop }) => ({ ids: { keap, customwebshop: shop } })) };
    }),
  };
}

/** Products as people make and edit them in the stand-ins: straight, not through the gate that Tandem goes through. */
import type { Redis } from 'ioredis';
import { expect } from 'vitest';
import type { KeapSandbox } from '../../sandbox/keap/server.ts';
import type { ShopSandbox } from '../../sandbox/shop/server.ts';
import { testFingerprinter } from '../support/fingerprints.ts';
import { createLinks } from '../support/links.ts';

export type SystemName = 'keap' | 'customwebshop';

export interface People {
  /** @param name its SKU too, by which two records match */
  make(system: SystemName, name: string): Promise<void>;
  edit(system: SystemName, id: string, description: string): Promise<void>;
}

export function productsOf(keap: KeapSandbox, shop: ShopSandbox): People {
  const systems: Record<SystemName, readonly [base: string, headers: Record<string, string>]> = {
    keap: [`${keap.url}/crm/rest/v2`, { 'x-keap-api-key': keap.apiKey }],
    customwebshop: [shop.url, { authorization: `Bearer ${shop.token}` }],
  };
  const send = async (system: SystemName, method: string, path: string, fields: object): Promise<void> => {
    const [base, headers] = systems[system];
    const answer = await fetch(base + path, {
      method,
      headers: { ...headers, 'content-type': 'application/json' },
      body: JSON.stringify(fields),
    });
    expect(answer.status, await answer.text()).toBeLessThan(300);
  };
  return {
    make: (system, name) =>
      send(system, 'POST', '/products', {
        name,
        sku: name,
        price: system === 'keap' ? 100 : '1.00',
        short_description: 'x',
      }),
    edit: (system, id, description) =>
      send(system, 'PATCH', `/products/${id}${system === 'keap' ? '?update_mask=description' : ''}`, { description }),
  };
}

/** Ids of the linked products, first in Keap, then in the shop. */
export async function linkedProducts(redis: Redis, prefix: string): Promise<[string, string][]> {
  const links: [string, string][] = [];
  for await (const batch of createLinks(redis, prefix, { name: 'product-product', match: [] }, testFingerprinter).all())
    for (const [a, b] of batch) links.push([a, b]);
  return links;
}

/** How many products there are, first in Keap, then in the shop. */
export const totalsOf = (keap: KeapSandbox, shop: ShopSandbox): number[] =>
  [keap, shop].map(({ store }) => store.products.values().length);

/**
 * Edits that a person makes to linked products: `wanted` has the last of each, by its place in `links`.
 * @param during what no other edits are called by
 */
export function editsOf({ edit }: People, links: readonly (readonly [string, string])[], during: string) {
  const wanted = new Map<number, string>();
  return {
    wanted,
    async edit(system: SystemName, i: number): Promise<void> {
      const description = `${during}: edited in ${system}, ${i}`;
      wanted.set(i, description);
      await edit(system, links[i]![system === 'keap' ? 0 : 1], description);
    },
  };
}

/** Whether both records of each pair are described as the last edit of either said. @param wanted by place in `links` */
export const inStep = (
  { store: { products } }: KeapSandbox,
  shop: ShopSandbox,
  links: readonly (readonly [string, string])[],
  wanted: ReadonlyMap<number, string>,
): boolean =>
  links.every(([a, b], i) =>
    [products.get(a), shop.store.products.get(Number(b))].every((record) => record?.description === wanted.get(i)),
  );

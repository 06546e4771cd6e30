/** Links of a mapping: how many, and all of them. Single ones are read by `reader`, and change by commits. */

import { otherId } from './link-codec.ts';
import type { Reader } from './reader.ts';
import type { StoreContext } from './store-context.ts';
import type { Link } from './types.ts';
import { staleWord } from './words.ts';

const BATCH = 500;
const TRIES = 3;

export function createLinkStore({ redis, base }: StoreContext, reader: Reader) {
  const key = `${base}link`;

  async function page(
    cursor: string,
    count: number,
  ): Promise<{ next: string; found: { id: string; value: Buffer }[] }> {
    const [next, flat] = await redis.hscanBuffer(key, cursor, 'COUNT', count);
    const found: { id: string; value: Buffer }[] = [];
    for (let i = 0; i < flat.length; i += 2) found.push({ id: flat[i]!.toString(), value: flat[i + 1]! });
    return { next: next.toString(), found };
  }

  return {
    count: (): Promise<number> => redis.hlen(key),

    /** Some links. @param cursor '0' at first, then `next`, which is '0' at the end */
    async page(cursor: string, count: number): Promise<{ next: string; ids: [string, string][] }> {
      const { next, found } = await page(cursor, count);
      return { next, ids: found.map(({ id, value }) => [id, otherId(value)]) };
    },

    /** All links, a batch at a time; one may come twice. */
    async *all(): AsyncGenerator<Link[]> {
      let cursor = '0';
      do {
        const { next, found } = await page(cursor, BATCH);
        let links = await reader.decode(found);
        // A definition set went meanwhile, with the values that named it.
        for (let left = TRIES; !links && left > 0; left--) {
          const now = await reader.records(
            0,
            found.map(({ id }) => id),
          );
          links = now.flatMap(({ link }) => link ?? []);
        }
        if (!links) throw staleWord();
        if (links.length > 0) yield links;
        cursor = next;
      } while (cursor !== '0');
    },
  };
}

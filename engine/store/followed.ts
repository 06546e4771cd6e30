/** Which edits of a mapping have been followed up. */
import type { Pair } from '../types.ts';
import { progressKey } from './progress-hash.ts';
import type { StoreContext } from './store-context.ts';

/** What of a mapping's edits has been followed up. */
export interface Followed {
  /** Version under which records with an issue were tried last. */
  readonly version: string;
  /** Definitions of the properties, by name, under which every link was agreed, or is queued or has an issue. */
  readonly definitions: Readonly<Record<string, string>>;
  /** Which records are in scope and how they find each other, when everything was read last. */
  readonly scope: string;
  /** Its sides as they were last: what is known of them where its file is missing. */
  readonly sides: Pair<KeptSide>;
}

export interface KeptSide {
  readonly name: string;
  readonly system: string;
  readonly entity: string;
}

export function createFollowed({ redis, base }: StoreContext) {
  const key = progressKey(base);
  return {
    async followed(): Promise<Partial<Followed>> {
      const [version, definitions, scope, sides] = await redis.hmget(
        key,
        'followed:version',
        'followed:definitions',
        'followed:scope',
        'followed:sides',
      );
      return {
        ...(version ? { version } : {}),
        ...(definitions ? { definitions: JSON.parse(definitions) as Followed['definitions'] } : {}),
        ...(scope ? { scope } : {}),
        ...(sides ? { sides: JSON.parse(sides) as Followed['sides'] } : {}),
      };
    },

    async follow({ version, definitions, scope, sides }: Partial<Followed>): Promise<void> {
      await redis.hset(key, {
        ...(version === undefined ? {} : { 'followed:version': version }),
        ...(definitions === undefined ? {} : { 'followed:definitions': JSON.stringify(definitions) }),
        ...(scope === undefined ? {} : { 'followed:scope': scope }),
        ...(sides === undefined ? {} : { 'followed:sides': JSON.stringify(sides) }),
      });
    },
  };
}

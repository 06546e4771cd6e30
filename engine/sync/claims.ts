/** Work under claims: nobody else handles these records meanwhile, and a worker that lost its claim stops before it writes. */
import { TandemError } from '../errors.ts';
import { recordKey } from '../links/keys.ts';
import type { Links } from '../links/links.ts';
import type { SideIndex } from '../types.ts';

/** Extended while work goes on, and before every write: what a worker held that is gone is free after this time. */
const TTL = 30_000;
/** How long whoever finds a claim taken waits before asking again, in ms. */
const BUSY_WAIT = 250;

export interface Claims {
  /** Redis' time in ms when the claims were taken. */
  readonly at: number;
  /** Takes more. @throws TandemError RECORD_LOCKED */
  add(names: readonly string[]): Promise<void>;
  /** Call before each write. @throws TandemError LINK_CHANGED when the claims were lost */
  confirm(): Promise<void>;
}

export const recordClaim = recordKey;
export const matchClaim = (rule: number, key: string): string => `key/${rule}/${key}`;
export const linkClaims = (a: string, b: string): string[] => [
  recordClaim(0 as SideIndex, a),
  recordClaim(1 as SideIndex, b),
];

/** @param ttl ms that the claims last unless they are extended. @throws TandemError RECORD_LOCKED when another worker holds one of them */
export async function underClaims<T>(
  links: Links,
  owner: string,
  names: readonly string[],
  work: (claims: Claims) => Promise<T>,
  ttl = TTL,
): Promise<T> {
  const held = new Set<string>();
  // A call may take longer than claims last, with all its waiting and trying again.
  const alive = setInterval(() => {
    // A failure shows before the next write.
    links.extend([...held], owner, ttl).catch(() => {});
  }, ttl / 3);
  alive.unref();
  const take = async (wanted: readonly string[]): Promise<number> => {
    const at = await links.claim(wanted, owner, ttl);
    if (at === undefined)
      throw new TandemError('RECORD_LOCKED', 'Another worker handles this record.', {
        retryAfter: Math.round(BUSY_WAIT * (0.5 + Math.random())),
      });
    for (const name of wanted) held.add(name);
    return at;
  };
  try {
    const at = await take(names);
    return await work({
      at,
      add: async (more) => {
        if (more.length > 0) await take(more);
      },
      confirm: async () => {
        if (!(await links.extend([...held], owner, ttl)))
          throw new TandemError('LINK_CHANGED', 'The claim on this record was lost.');
      },
    });
  } finally {
    clearInterval(alive);
    await links.unclaim([...held], owner);
  }
}

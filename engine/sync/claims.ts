/** Work under claims: nobody else handles these records meanwhile, and a worker that lost its claims does not write. */
import { TandemError } from '../errors.ts';
import type { Links } from '../links/links.ts';
import { createDeadline } from './deadline.ts';

/** Extended while work goes on: what a worker held that is gone is free after this time, in ms. */
const TTL = 30_000;
/** How long a worker that finds a record locked waits before it asks again, in ms. */
const LOCKED_WAIT = 250;

export interface Claims {
  /** Redis' time in ms when the first of them were taken. */
  readonly at: number;
  /** Takes more. @throws TandemError RECORD_LOCKED */
  add(names: readonly string[]): Promise<void>;
  /**
   * Called right before the bytes of a write leave: asks nobody, so it holds for this very moment.
   * @throws TandemError LINK_CHANGED when the claims have expired
   */
  check(): void;
}

/** @param ttl ms that the claims last unless they are extended. @throws TandemError RECORD_LOCKED when another worker holds one of them */
export async function underClaims<T>(
  links: Links,
  owner: string,
  names: readonly string[],
  work: (claims: Claims) => Promise<T>,
  ttl = TTL,
): Promise<T> {
  const held = new Set<string>();
  const deadline = createDeadline();

  const take = async (wanted: readonly string[]): Promise<number> => {
    const asked = deadline.now();
    const at = await links.claim(wanted, owner, ttl);
    if (at === undefined)
      throw new TandemError('RECORD_LOCKED', 'Another worker handles this record.', {
        retryAfter: Math.round(LOCKED_WAIT * (0.5 + Math.random())),
      });
    if (held.size === 0) deadline.moveTo(asked, ttl);
    for (const name of wanted) held.add(name);
    return at;
  };
  const extend = async (): Promise<void> => {
    const asked = deadline.now();
    if (await links.extend([...held], owner, ttl)) deadline.moveTo(asked, ttl);
  };
  // A call may take longer than claims last, with all its waiting and trying again. A failure shows before the next write.
  const alive = setInterval(() => void extend().catch(() => {}), ttl / 3);
  alive.unref();
  try {
    const at = await take(names);
    return await work({
      at,
      add: async (more) => {
        const wanted = more.filter((name) => !held.has(name));
        if (wanted.length > 0) await take(wanted);
      },
      check() {
        if (deadline.passed()) throw new TandemError('LINK_CHANGED', 'The claim on this record has expired.');
      },
    });
  } finally {
    clearInterval(alive);
    await links.unclaim([...held], owner);
  }
}

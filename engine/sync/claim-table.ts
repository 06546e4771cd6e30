/** Work under claims: nobody else handles these records meanwhile, and a worker that lost its claims does not write. */
import { TandemError } from '../errors.ts';
import type { Batches, UnlinkedIndex } from '../store/types.ts';
import type { SideIndex } from '../types.ts';
import { createDeadline, type Deadline, type Instant } from './deadline.ts';

/** Extended while work goes on: what a worker held that is gone is free after this time, in ms. */
export const CLAIM_TTL = 30_000;
/** How long a worker that finds a record locked waits before it asks again, in ms. */
const LOCKED_WAIT = 250;

export const lockedError = (): TandemError =>
  new TandemError('RECORD_LOCKED', 'Another worker handles this record.', {
    retryAfter: Math.round(LOCKED_WAIT * (0.5 + Math.random())),
  });

export const expiredError = (): TandemError => new TandemError('LINK_CHANGED', 'The claim on this record has expired.');

/** Of one unit of a batch. */
export interface Claims {
  readonly owner: string;
  /** All that are held. */
  names(): string[];
  /**
   * Takes more.
   * @param entry of a record without a link that is to be found from now on, by workers that take such claims after
   * this
   * @throws TandemError RECORD_LOCKED
   */
  add(
    names: readonly string[],
    entry?: { readonly side: SideIndex; readonly entry: UnlinkedIndex } | undefined,
  ): Promise<void>;
  /**
   * Called right before the bytes of a write leave: asks nobody, so it holds for this very moment.
   * @throws TandemError LINK_CHANGED when the claims have expired
   */
  check(): void;
}

/** Claims of all units that one owner works on at the same time. Within it, too, one of two units comes second. */
export interface ClaimTable {
  /** @param taken when those were asked for */
  open(names: readonly string[], taken: Instant): Claims & { close(): void };
  close(): void;
}

export function createClaimTable(batches: Batches, owner: string, ttl: number): ClaimTable {
  const holders = new Map<string, object>();
  const open = new Set<{ readonly held: ReadonlySet<string>; readonly deadline: Deadline }>();

  async function extend(units: readonly { held: ReadonlySet<string>; deadline: Deadline }[]): Promise<void> {
    const names = units.flatMap(({ held }) => [...held]);
    if (names.length === 0) return;
    const asked = units[0]!.deadline.now();
    if ((await batches.extend(owner, names, ttl)) !== undefined)
      for (const { deadline } of units) deadline.moveTo(asked, ttl);
    // One of them was lost, or ended meanwhile: each for itself.
    else if (units.length > 1) for (const unit of units) if (open.has(unit)) await extend([unit]);
  }
  // A call may take longer than claims last, with all its waiting and trying again. A failure shows before the next write.
  const alive = setInterval(() => void extend([...open]).catch(() => {}), ttl / 3);
  alive.unref();

  return {
    open(names, taken) {
      const held = new Set(names);
      const unit = { held, deadline: createDeadline() };
      unit.deadline.moveTo(taken, ttl);
      open.add(unit);
      for (const name of names) holders.set(name, unit);
      return {
        owner,
        names: () => [...held],
        async add(wanted, entry) {
          const more = wanted.filter((name) => !held.has(name));
          if (more.length === 0 && !entry) return;
          if (more.some((name) => holders.has(name))) throw lockedError();
          for (const name of more) holders.set(name, unit);
          const at = await batches.lock(owner, entry, more, ttl).catch((error: unknown) => {
            for (const name of more) holders.delete(name);
            throw error;
          });
          if (at === undefined) {
            for (const name of more) holders.delete(name);
            throw lockedError();
          }
          for (const name of more) held.add(name);
        },
        check() {
          if (unit.deadline.passed()) throw expiredError();
        },
        close() {
          open.delete(unit);
          for (const name of held) if (holders.get(name) === unit) holders.delete(name);
        },
      };
    },
    close: () => clearInterval(alive),
  };
}

/**
 * One declared limit, held in every span of its length by counters that know nothing but fixed windows.
 *
 * A window that begins with its first request lets twice its points through around its end. So a limit is spread over
 * many windows, its slots. A slot of one point is exact: whoever takes it has it for the whole length of the limit. The
 * slots of a large limit have several points; they give them out only while `open`, and then stay shut for the length of
 * the limit. All slots together have as many points as were declared.
 *
 * Slots are only ever tried where they may be free: a try or a look tells until when a slot is used up, and nobody can
 * free it earlier. That is also what tells those who wait how long.
 */

/** What the counter of a slot says: RateLimiterRes is one. */
export interface SlotState {
  readonly consumedPoints: number;
  /** Milliseconds until the slot begins anew. */
  readonly msBeforeNext: number;
}

export interface SlotStore {
  /** Counts them whether they fit or not. */
  consume(slot: number, points: number): Promise<SlotState>;
  get(slot: number): Promise<SlotState | null>;
  /** Uses the slot up, from now on for its whole length. */
  renew(slot: number): Promise<unknown>;
}

export interface SlotPlan {
  readonly slots: number;
  /** Of each slot. */
  readonly points: number;
  /** Milliseconds, a multiple of a second: from the first point taken until the slot begins anew. */
  readonly length: number;
  /** Milliseconds at the beginning of that in which points may be taken; 0 for slots of one point. */
  readonly open: number;
}

export interface Slots {
  /** Milliseconds until a slot may be free, as far as is known here; 0 where one may be free now. */
  wait(): number;
  /** @returns how many of the wanted requests may go now */
  take(wanted: number): Promise<number>;
  /** To be called when what was taken goes. What goes late counts from now: a process may have been held up meanwhile. */
  settle(): Promise<void>;
}

const FEWEST_SLOTS = 500;
const MOST_SLOTS = 5_000;
/** Of the length of a limit: a slot of several points is open for one part. */
const PARTS = 40;
/** Seconds. In a shorter limit a part, which is a second at least, would cost too much: it gets more slots instead. */
const SHORTEST_WITH_PARTS = 30;
/** Milliseconds that a slot rests longer than it must: grants and requests take differently long to arrive. */
export const MARGIN = 40;

/** @param per milliseconds; the store counts in whole seconds, so it is rounded up */
export function planSlots(requests: number, per: number): SlotPlan {
  const seconds = Math.max(1, Math.ceil(per / 1_000));
  const single = seconds < SHORTEST_WITH_PARTS && requests <= MOST_SLOTS;
  const points = single ? 1 : Math.max(1, Math.floor(requests / FEWEST_SLOTS));
  const open = points === 1 ? 0 : Math.ceil(seconds / PARTS);
  return {
    slots: Math.max(1, Math.floor(requests / points)),
    points,
    length: (seconds + open) * 1_000,
    open: open * 1_000,
  };
}

/** @param now milliseconds of a clock that only runs forward; its zero does not matter */
export function createSlots(plan: SlotPlan, store: SlotStore, now: () => number): Slots {
  const { points, length, open } = plan;
  /** Before this moment, the slot has nothing to give. */
  const freeAt = new Array<number>(plan.slots).fill(Number.NEGATIVE_INFINITY);

  /** What was taken and not settled yet: until when it goes in time. */
  let taken: { readonly slot: number; readonly until: number }[] = [];

  const free = (): number[] => {
    const at = now();
    return [...freeAt.keys()].filter((slot) => (freeAt[slot] ?? 0) <= at);
  };

  /** @returns whether the slot was open at the moment of this state */
  function learn(slot: number, state: SlotState, first: boolean): boolean {
    const isOpen = first || state.msBeforeNext >= length - open;
    if (!isOpen || state.consumedPoints >= points) freeAt[slot] = now() + Math.max(1, state.msBeforeNext) + MARGIN;
    return isOpen;
  }

  async function attempt(slot: number, wanted: number): Promise<number> {
    const asked = now();
    const state = await store.consume(slot, wanted);
    const before = state.consumedPoints - wanted;
    if (!learn(slot, state, before === 0) || before >= points) return 0;
    taken.push({ slot, until: asked + state.msBeforeNext - (length - open) + MARGIN });
    return Math.min(wanted, points - before);
  }

  async function look(slot: number): Promise<void> {
    const state = await store.get(slot);
    if (state !== null) learn(slot, state, false);
  }

  return {
    wait() {
      let first = Number.POSITIVE_INFINITY;
      for (const at of freeAt) first = Math.min(first, at);
      return Math.max(0, Math.ceil(first - now()));
    },
    async take(wanted) {
      let granted = 0;
      // Every round gives all that is wanted or finds at least one slot used up.
      for (let slots = free(); granted < wanted && slots.length > 0; slots = free()) {
        const tries = slots.slice(0, Math.ceil((wanted - granted) / points));
        let rest = wanted - granted;
        const parts = tries.map((slot) => {
          const part = Math.min(points, rest);
          rest -= part;
          return { slot, part };
        });
        const asked = parts.reduce((sum, { part }) => sum + part, 0);
        const got = await Promise.all(parts.map(({ slot, part }) => attempt(slot, part)));
        const sum = got.reduce((total, part) => total + part, 0);
        granted += sum;
        // Others were faster: one look at all slots costs less time than trying them one after the other.
        if (sum < asked) await Promise.all(free().map(look));
      }
      return granted;
    },
    async settle() {
      const at = now();
      const late = taken.filter(({ until }) => at > until);
      taken = [];
      for (const { slot } of late) freeAt[slot] = at + length + MARGIN;
      await Promise.all(late.map(({ slot }) => store.renew(slot)));
    },
  };
}

/**
 * A deadline that passes though the process or the machine is suspended. The monotonic clock goes on while a process is
 * stopped (SIGSTOP) but not while the machine sleeps; the wall clock goes on then too, but may be set. The one that has
 * advanced more decides, so that setting the clock forward can only make a deadline pass too early.
 */

export interface Instant {
  /** Both in ms. */
  readonly monotonic: number;
  readonly wall: number;
}

export interface Deadline {
  now(): Instant;
  /** The deadline is `ms` after this instant. */
  moveTo(from: Instant, ms: number): void;
  passed(): boolean;
}

const read = (): Instant => ({ monotonic: performance.now(), wall: Date.now() });

/** @param clock for tests */
export function createDeadline(clock: () => Instant = read): Deadline {
  let since: Instant | undefined;
  let length = 0;
  return {
    now: clock,
    moveTo(from, ms) {
      since = from;
      length = ms;
    },
    passed() {
      if (!since) return true;
      const now = clock();
      return Math.max(now.monotonic - since.monotonic, now.wall - since.wall) >= length;
    },
  };
}

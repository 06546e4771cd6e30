// The clock of a stand-in. It may be off by hours, and never stands still: every write gets a later millisecond than the
// one before. A sync that compares modification times can then tell any two writes apart.

/** @param time ISO 8601 */
export const later = (time: string, ms: number): string => new Date(Date.parse(time) + ms).toISOString();

export class Clock {
  /** So for the `Date` header of responses; undefined: as `ahead`. */
  headerAhead: number | undefined;
  #last = 0;
  #ahead: number;

  constructor(ahead = 0) {
    this.#ahead = ahead;
  }

  /** Ms by which it is ahead of the machine's clock; negative: behind. */
  get ahead(): number {
    return this.#ahead;
  }

  /** Sets it: when it is set back, the next write gets an earlier time than the one before. */
  set ahead(ms: number) {
    if (ms < this.#ahead) this.#last = 0;
    this.#ahead = ms;
  }

  /** Epoch ms. */
  now(): number {
    return Date.now() + this.#ahead;
  }

  /** Takes note of a time that is already used, so that later ones come after it. */
  seen(iso: unknown): void {
    const time = typeof iso === 'string' ? Date.parse(iso) : Number.NaN;
    if (time > this.#last) this.#last = time;
  }

  /** A time for a write, in ISO 8601 with milliseconds. */
  next(): string {
    this.#last = Math.max(this.now(), this.#last + 1);
    return new Date(this.#last).toISOString();
  }

  /** The value of the `Date` header; undefined where the machine's clock is right. */
  header(): string | undefined {
    const ahead = this.headerAhead ?? this.#ahead;
    return ahead === 0 ? undefined : new Date(Date.now() + ahead).toUTCString();
  }
}

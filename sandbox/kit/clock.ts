// Server time that never stands still: every write gets a later millisecond than the one before.
// A sync that compares modification times can then tell any two writes apart.

export class Clock {
  /** Ms by which the times of records are ahead of the machine's clock. */
  ahead = 0;
  /** So for the `Date` header of responses; undefined: as `ahead`. */
  headerAhead: number | undefined;
  #last = 0;

  /** Takes note of a time that is already used, so that later ones come after it. */
  seen(iso: unknown): void {
    const time = typeof iso === 'string' ? Date.parse(iso) : Number.NaN;
    if (time > this.#last) this.#last = time;
  }

  /** ISO 8601 with milliseconds. */
  next(): string {
    this.#last = Math.max(Date.now() + this.ahead, this.#last + 1);
    return new Date(this.#last).toISOString();
  }

  /** The value of the `Date` header; undefined where the machine's clock is right. */
  header(): string | undefined {
    const ahead = this.headerAhead ?? this.ahead;
    return ahead === 0 ? undefined : new Date(Date.now() + ahead).toUTCString();
  }
}

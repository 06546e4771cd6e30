// Server time that never stands still: every write gets a later millisecond than the one before.
// A sync that compares modification times can then tell any two writes apart.

export class Clock {
  #last = 0;

  /** Takes note of a time that is already used, so that later ones come after it. */
  seen(iso: unknown): void {
    const time = typeof iso === 'string' ? Date.parse(iso) : Number.NaN;
    if (time > this.#last) this.#last = time;
  }

  /** ISO 8601 with milliseconds. */
  next(): string {
    this.#last = Math.max(Date.now(), this.#last + 1);
    return new Date(this.#last).toISOString();
  }
}

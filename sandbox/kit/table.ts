// One entity's records in memory. Ids count up and are not given twice, not even after a delete, unless that is asked for.

export class Table<R extends { id: string | number }> {
  readonly #records = new Map<R['id'], R>();
  #next = 1;
  /** Ids of deleted records, in the order of their deletes. */
  #freed: number[] = [];
  readonly #changed: () => void;

  constructor(changed: () => void = () => {}) {
    this.#changed = changed;
  }

  get size(): number {
    return this.#records.size;
  }

  get(id: R['id']): R | undefined {
    return this.#records.get(id);
  }

  has(id: R['id']): boolean {
    return this.#records.has(id);
  }

  values(): R[] {
    return [...this.#records.values()];
  }

  find(wanted: (record: R) => boolean): R | undefined {
    for (const record of this.#records.values()) if (wanted(record)) return record;
    return undefined;
  }

  put(record: R): R {
    this.#records.set(record.id, record);
    const id = Number(record.id);
    if (id >= this.#next) this.#next = id + 1;
    this.#changed();
    return record;
  }

  delete(id: R['id']): boolean {
    const existed = this.#records.delete(id);
    if (existed) {
      this.#freed.push(Number(id));
      this.#changed();
    }
    return existed;
  }

  /** The next free number, taken. */
  takeId(): number {
    return this.#next++;
  }

  /** The id of the record that was deleted last, taken; undefined where there is none. */
  takeFreedId(): number | undefined {
    return this.#freed.pop();
  }

  get next(): number {
    return this.#next;
  }

  /** Replaces all that is in it. */
  load(records: readonly R[], next = 1): void {
    this.#records.clear();
    this.#next = next;
    this.#freed = [];
    for (const record of records) {
      this.#records.set(record.id, structuredClone(record));
      const id = Number(record.id);
      if (id >= this.#next) this.#next = id + 1;
    }
    this.#changed();
  }
}

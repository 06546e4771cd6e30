// What was asked of a stand-in: the last requests one by one, and counts of all of them.
// No bodies are kept.

export interface LoggedRequest {
  /** Counts up from 1. */
  n: number;
  at: string;
  /** When its answer was made: what it asked for was carried out before. Undefined while under way, or where no answer was made. */
  endedAt?: string;
  method: string;
  /** Path and query as sent. */
  path: string;
  /** The route's pattern, such as /customers/:id. */
  route: string;
  /** 0 while under way, or where no answer was made. */
  status: number;
  fault?: string;
  /** Who sent it, where the sender says so: `x-sandbox-sender`. */
  sender?: string;
  /** Epoch ms when the sender had read what it writes by, where it says so: `x-sandbox-read-at`. */
  readAt?: number;
}

export interface EntityStats {
  lists: number;
  gets: number;
  creates: number;
  updates: number;
  deletes: number;
  /** lists + gets that were answered. */
  reads: number;
  /** creates + updates + deletes that took effect, also where the answer was then lost. */
  writes: number;
  /** Requests answered with 400 or more. */
  failed: number;
}

export interface Stats {
  total: number;
  reads: number;
  writes: number;
  failed: number;
  methods: Record<string, number>;
  entities: Record<string, EntityStats>;
}

const kept = 10_000;

export class RequestLog {
  #n = 0;
  #entries: LoggedRequest[] = [];
  #counts: Record<string, number> = {};
  #methods: Record<string, number> = {};
  #entities: Record<string, EntityStats> = {};
  /** Called after each answer was made. */
  onEnd: ((entry: LoggedRequest) => void) | undefined;
  readonly #entityOf: (route: string) => string | undefined;

  /** @param entityOf which entity a route's pattern is about, if any */
  constructor(entityOf: (route: string) => string | undefined) {
    this.#entityOf = entityOf;
  }

  /** Notes a request as it comes in. */
  begin(method: string, path: string, route: string, by: Pick<LoggedRequest, 'sender' | 'readAt'> = {}): LoggedRequest {
    const entry: LoggedRequest = { n: ++this.#n, at: new Date().toISOString(), method, path, route, status: 0, ...by };
    this.#entries.push(entry);
    // Cut in blocks, so that a long run does not pay for a shift on each request.
    if (this.#entries.length > kept * 2) this.#entries = this.#entries.slice(-kept);
    const key = `${method} ${route}`;
    this.#counts[key] = (this.#counts[key] ?? 0) + 1;
    this.#methods[method] = (this.#methods[method] ?? 0) + 1;
    return entry;
  }

  /** Notes its answer, before the caller can have it. */
  end(entry: LoggedRequest, status: number): void {
    if (entry.status !== 0) return;
    entry.status = status;
    entry.endedAt = new Date().toISOString();
    // Once what the answer holds was read: what happens now is in the next one.
    this.onEnd?.(entry);
    const entity = this.#entityOf(entry.route);
    if (entity === undefined) return;
    this.#entities[entity] ??= noStats();
    const stats = this.#entities[entity];
    if (status >= 400) {
      stats.failed++;
      return;
    }
    if (entry.method === 'GET' || entry.method === 'HEAD') {
      stats.reads++;
      if (entry.route.includes(':')) stats.gets++;
      else stats.lists++;
      return;
    }
    stats.writes++;
    if (entry.method === 'POST') stats.creates++;
    else if (entry.method === 'DELETE') stats.deletes++;
    else stats.updates++;
  }

  /** Requests after number `since`, oldest first; at most the last 10,000. */
  since(since = 0): LoggedRequest[] {
    return this.#entries.slice(-kept).filter((entry) => entry.n > since);
  }

  /** The number of the latest request. */
  get last(): number {
    return this.#n;
  }

  counts(): Record<string, number> {
    return { ...this.#counts };
  }

  stats(): Stats {
    const entities = structuredClone(this.#entities);
    const sum = (key: 'reads' | 'writes' | 'failed') => Object.values(entities).reduce((n, e) => n + e[key], 0);
    return {
      total: Object.values(this.#methods).reduce((n, count) => n + count, 0),
      reads: sum('reads'),
      writes: sum('writes'),
      failed: sum('failed'),
      methods: { ...this.#methods },
      entities,
    };
  }

  /** Forgets counts and entries; numbers keep counting up, so that `since` stays true. */
  clear(): void {
    this.#entries = [];
    this.#counts = {};
    this.#methods = {};
    this.#entities = {};
  }
}

function noStats(): EntityStats {
  return { lists: 0, gets: 0, creates: 0, updates: 0, deletes: 0, reads: 0, writes: 0, failed: 0 };
}

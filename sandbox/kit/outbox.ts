// Outgoing webhooks of a stand-in: sent after a delay, tried again, and spoilt on demand
// (dropped, doubled, delayed, put out of order).

import { setMaxListeners } from 'node:events';
import { Agent, request } from 'undici';
import { isObject } from './json.ts';
import { between, type Random, seededRandom } from './random.ts';

export interface WebhookFaults {
  /** Probability 0 to 1 that a delivery never leaves. */
  drop: number;
  /** Probability 0 to 1 that a delivery is sent twice. */
  double: number;
  /** Added to each delivery's own delay, in ms. */
  delayMs: number;
  /** Deliveries are held until there are this many, then sent last first; below 2: off. */
  reorder: number;
  /** A held delivery leaves after this many ms, however few there are. */
  holdMs: number;
}

export interface Delivery {
  url: string;
  headers: () => Record<string, string>;
  body: string;
  /** Waits before each further attempt, in ms. Its length is the number of retries. */
  retries: readonly number[];
  /** Is this status a success? */
  accepted: (status: number) => boolean;
  /** Asked before each attempt; false gives up silently. */
  wanted?: () => boolean;
  /** Called after each attempt. `status` 0: no answer. True stops retrying. */
  tried?: (result: { ok: boolean; status: number; last: boolean }) => boolean | undefined;
}

export interface OutboxCounts {
  pending: number;
  attempts: number;
  delivered: number;
  failed: number;
  gaveUp: number;
  dropped: number;
  doubled: number;
}

const none: WebhookFaults = { drop: 0, double: 0, delayMs: 0, reorder: 0, holdMs: 1_000 };

export class Outbox {
  readonly #agent = new Agent({ keepAliveTimeout: 1_000 });
  readonly #stop = new AbortController();
  readonly #timers = new Set<NodeJS.Timeout>();
  readonly #timeoutMs: number;
  readonly #random: Random;
  #faults: WebhookFaults = { ...none };
  #held: Delivery[] = [];
  #holdTimer: NodeJS.Timeout | undefined;
  #counts: OutboxCounts = noCounts();
  /** Goes up when all is forgotten: an attempt under way then belongs to the past and counts no more. */
  #era = 0;

  constructor(options: { timeoutMs?: number; seed?: number } = {}) {
    setMaxListeners(0, this.#stop.signal);
    this.#timeoutMs = options.timeoutMs ?? 30_000;
    this.#random = seededRandom(options.seed ?? 1);
  }

  get faults(): WebhookFaults {
    return { ...this.#faults };
  }

  counts(): OutboxCounts {
    return { ...this.#counts };
  }

  /** How many deliveries are held back now, to be sent in another order. */
  get held(): number {
    return this.#held.length;
  }

  /** Sets some of the faults; null puts all of them back to none. Throws a plain Error on nonsense. */
  configure(change: unknown): WebhookFaults {
    if (change === null) {
      this.#faults = { ...none };
    } else {
      if (!isObject(change)) throw new Error('webhook faults are an object');
      const faults = { ...this.#faults };
      for (const [key, value] of Object.entries(change)) {
        if (!(key in none)) throw new Error(`${key} is none of ${Object.keys(none).join(', ')}`);
        if (typeof value !== 'number' || value < 0) throw new Error(`${key} is a number >= 0`);
        faults[key as keyof WebhookFaults] = value;
      }
      this.#faults = faults;
    }
    if (this.#faults.reorder < 2) this.#release();
    return this.faults;
  }

  /** A random whole number of ms in a range, from the seeded source. */
  draw([min, max]: readonly [number, number]): number {
    return between(this.#random, min, max);
  }

  send(delivery: Delivery, delayMs: number): void {
    if (this.#random() < this.#faults.drop) {
      this.#counts.dropped++;
      return;
    }
    const twice = this.#random() < this.#faults.double;
    if (twice) this.#counts.doubled++;
    for (let i = 0; i < (twice ? 2 : 1); i++) {
      this.#counts.pending++;
      this.#later(delayMs + this.#faults.delayMs, () => this.#due(delivery));
    }
  }

  /** One request outside of any queue (a handshake). Answers undefined where none came. */
  async call(url: string, headers: Record<string, string>, timeoutMs = 5_000) {
    return await this.#post(url, headers, undefined, timeoutMs);
  }

  /** Forgets all that waits. */
  clear(): void {
    for (const timer of this.#timers) clearTimeout(timer);
    this.#timers.clear();
    clearTimeout(this.#holdTimer);
    this.#held = [];
    this.#era++;
    this.#counts = noCounts();
  }

  async close(): Promise<void> {
    this.clear();
    this.#stop.abort();
    await this.#agent.destroy();
  }

  #due(delivery: Delivery): void {
    if (this.#faults.reorder < 2) {
      void this.#attempt(delivery, 0);
      return;
    }
    this.#held.push(delivery);
    if (this.#held.length >= this.#faults.reorder) {
      this.#release();
    } else if (this.#held.length === 1) {
      this.#holdTimer = setTimeout(() => this.#release(), this.#faults.holdMs);
      this.#holdTimer.unref();
    }
  }

  #release(): void {
    clearTimeout(this.#holdTimer);
    const held = this.#held.reverse();
    this.#held = [];
    const era = this.#era;
    // One after the other: the wrong order must also be the order of arrival.
    void held.reduce<Promise<void>>(
      (before, delivery) => before.then(() => this.#attempt(delivery, 0, era)),
      Promise.resolve(),
    );
  }

  async #attempt(delivery: Delivery, number: number, era = this.#era): Promise<void> {
    if (era !== this.#era) return;
    if (delivery.wanted && !delivery.wanted()) {
      this.#counts.pending--;
      return;
    }
    this.#counts.attempts++;
    const answer = await this.#post(delivery.url, delivery.headers(), delivery.body, this.#timeoutMs);
    if (era !== this.#era) return;
    const status = answer?.status ?? 0;
    const ok = status > 0 && delivery.accepted(status);
    const wait = delivery.retries[number];
    const last = ok || wait === undefined;
    const stop = delivery.tried?.({ ok, status, last }) === true;
    if (ok) this.#counts.delivered++;
    else this.#counts.failed++;
    if (ok || stop || wait === undefined) {
      this.#counts.pending--;
      if (!ok) this.#counts.gaveUp++;
      return;
    }
    this.#later(wait, () => void this.#attempt(delivery, number + 1));
  }

  async #post(url: string, headers: Record<string, string>, body: string | undefined, timeoutMs: number) {
    try {
      const answer = await request(url, {
        method: 'POST',
        headers,
        body: body ?? null,
        dispatcher: this.#agent,
        signal: AbortSignal.any([this.#stop.signal, AbortSignal.timeout(timeoutMs)]),
      });
      await answer.body.dump();
      return { status: answer.statusCode, headers: answer.headers };
    } catch {
      // Whatever went wrong on the way counts as one thing here: no answer.
      return undefined;
    }
  }

  #later(ms: number, work: () => void): void {
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      work();
    }, ms);
    timer.unref();
    this.#timers.add(timer);
  }
}

function noCounts(): OutboxCounts {
  return { pending: 0, attempts: 0, delivered: 0, failed: 0, gaveUp: 0, dropped: 0, doubled: 0 };
}

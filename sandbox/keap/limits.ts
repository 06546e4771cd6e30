// Keap's counters: per second, per minute and per day of a token, per minute and per day of the account, whose tokens
// share them. Every answer carries their state in headers. None of it is in the descriptions: see README.md.

import type { FastifyReply } from 'fastify';
import { KeapError } from './errors.ts';

export interface TokenLimits {
  perSecond: number;
  perMinute: number;
  /** The day ends at 00:00 UTC. */
  perDay: number;
}

export interface Limits {
  /** Of a personal access token or service account key. */
  key: TokenLimits;
  /** Of an OAuth client. */
  oauth: TokenLimits;
  /** Of all tokens of one account together. */
  tenant: { perMinute: number; perDay: number };
}

export const keapLimits: Limits = {
  key: { perSecond: 10, perMinute: 240, perDay: 30_000 },
  oauth: { perSecond: 25, perMinute: 1_500, perDay: 150_000 },
  tenant: { perMinute: 10_000, perDay: 250_000 },
};

/** Roomier than Keap's own, so that a demo is quick. The headers state these numbers. */
export const demoLimits: Limits = {
  key: { perSecond: 250, perMinute: 15_000, perDay: 1_000_000 },
  oauth: { perSecond: 250, perMinute: 15_000, perDay: 1_000_000 },
  tenant: { perMinute: 100_000, perDay: 10_000_000 },
};

export type LimitOptions = { [K in keyof Limits]?: Partial<Limits[K]> };

const [second, minute, day] = [1_000, 60_000, 86_400_000];

export class Limiter {
  readonly limits: Limits;
  readonly #now: () => number;
  readonly #tokens = { key: tokenWindows(), oauth: tokenWindows() };
  readonly #tenant = { minute: new Window(minute), day: new Window(day) };

  constructor(limits: LimitOptions, now: () => number = Date.now) {
    this.limits = {
      key: { ...demoLimits.key, ...limits.key },
      oauth: { ...demoLimits.oauth, ...limits.oauth },
      tenant: { ...demoLimits.tenant, ...limits.tenant },
    };
    this.#now = now;
  }

  /** Counts one request and sets the headers; throws the 429 where one is due. A refused request is not counted. */
  check(reply: FastifyReply, token: 'key' | 'oauth'): void {
    const now = this.#now();
    const [limits, windows] = [this.limits[token], this.#tokens[token]];
    const spike = !windows.second.has(limits.perSecond, now);
    const counted: [Window, number][] = [
      [windows.minute, limits.perMinute],
      [windows.day, limits.perDay],
      [this.#tenant.minute, this.limits.tenant.perMinute],
      [this.#tenant.day, this.limits.tenant.perDay],
    ];
    const within = !spike && counted.every(([window, limit]) => window.has(limit, now));
    if (within) for (const window of [windows.second, ...counted.map(([window]) => window)]) window.used++;
    reply.headers(this.#headers(token));
    if (spike)
      throw KeapError.gateway(
        429,
        `Spike arrest violation. Allowed rate : MessageRate{messagesPerPeriod=${limits.perSecond}, periodInMicroseconds=1000000, maxBurstMessageCount=1.0}`,
        'policies.ratelimit.SpikeArrestViolation',
      );
    if (!within) throw KeapError.quota();
  }

  #headers(token: 'key' | 'oauth'): Record<string, string> {
    const { perMinute, perDay } = this.limits[token];
    const { tenant } = this.limits;
    return {
      ...quota('product', perDay, this.#tokens[token].day),
      ...throttle('product', perMinute, this.#tokens[token].minute),
      ...quota('tenant', tenant.perDay, this.#tenant.day),
      ...throttle('tenant', tenant.perMinute, this.#tenant.minute),
    };
  }
}

/** Counts within windows that start at full seconds, minutes and days of UTC. */
class Window {
  readonly length: number;
  start = 0;
  used = 0;

  constructor(length: number) {
    this.length = length;
  }

  /** Whether it has room for one more. */
  has(limit: number, now: number): boolean {
    const start = now - (now % this.length);
    if (start !== this.start) {
      this.start = start;
      this.used = 0;
    }
    return this.used < limit;
  }
}

function tokenWindows() {
  return { second: new Window(second), minute: new Window(minute), day: new Window(day) };
}

function quota(of: 'product' | 'tenant', limit: number, window: Window): Record<string, string> {
  return {
    ...state(`x-keap-${of}-quota`, limit, window.used),
    [`x-keap-${of}-quota-expiry-time`]: String(window.start + window.length),
  };
}

function throttle(of: 'product' | 'tenant', limit: number, window: Window): Record<string, string> {
  return {
    ...state(`x-keap-${of}-throttle`, limit, window.used),
    [`x-keap-${of}-throttle-interval`]: '1',
    [`x-keap-${of}-throttle-time-unit`]: 'minute',
  };
}

function state(prefix: string, limit: number, used: number): Record<string, string> {
  return {
    [`${prefix}-limit`]: String(limit),
    [`${prefix}-available`]: String(Math.max(0, limit - used)),
    [`${prefix}-used`]: String(used),
  };
}

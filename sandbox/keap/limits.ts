// Keap's three counters: per second (spike policy), per minute and per day of the token, per minute of the tenant.
// Every answer carries their state in headers.

import type { FastifyReply } from 'fastify';
import { KeapError } from './errors.ts';

export interface Limits {
  /** The spike policy; at Keap 25. */
  perSecond: number;
  /** Of one token; at Keap 240 (personal) or 1,500 (OAuth). */
  perMinute: number;
  /** Of one token; at Keap 30,000 or 150,000. The day ends at 00:00 UTC. */
  perDay: number;
  /** Of all tokens of one tenant; at Keap 10,000. */
  tenantPerMinute: number;
}

/** Roomier than Keap's own, so that a demo is quick. The headers say these numbers. */
export const demoLimits: Limits = { perSecond: 250, perMinute: 15_000, perDay: 1_000_000, tenantPerMinute: 100_000 };

export class Limiter {
  readonly limits: Limits;
  readonly #now: () => number;
  #second: Window;
  #minute: Window;
  #tenantMinute: Window;
  #day: Window;

  constructor(limits: Partial<Limits>, now: () => number = Date.now) {
    this.limits = { ...demoLimits, ...limits };
    this.#now = now;
    this.#second = { start: 0, used: 0 };
    this.#minute = { start: 0, used: 0 };
    this.#tenantMinute = { start: 0, used: 0 };
    this.#day = { start: 0, used: 0 };
  }

  /** Counts one request and sets the headers; throws the 429 where one is due. */
  check(reply: FastifyReply): void {
    const now = this.#now();
    const { perSecond, perMinute, perDay, tenantPerMinute } = this.limits;
    const within =
      take(this.#second, now, 1_000, perSecond) === false
        ? 'spike'
        : take(this.#minute, now, 60_000, perMinute) &&
          take(this.#tenantMinute, now, 60_000, tenantPerMinute) &&
          take(this.#day, now, 86_400_000, perDay);
    reply.headers(this.#headers());
    if (within === 'spike')
      throw KeapError.gateway(
        429,
        `Spike arrest violation. Allowed rate : MessageRate{messagesPerPeriod=${perSecond}, periodInMicroseconds=1000000, maxBurstMessageCount=1.0}`,
        'policies.ratelimit.SpikeArrestViolation',
      );
    if (!within) throw KeapError.quota();
  }

  #headers(): Record<string, string> {
    const { perMinute, perDay, tenantPerMinute } = this.limits;
    const dayEnds = this.#day.start + 86_400_000;
    return {
      ...state('x-keap-product-quota', perDay, this.#day.used),
      'x-keap-product-quota-expiry-time': String(dayEnds),
      ...state('x-keap-product-throttle', perMinute, this.#minute.used),
      'x-keap-product-throttle-interval': '1',
      'x-keap-product-throttle-time-unit': 'minute',
      ...state('x-keap-tenant-throttle', tenantPerMinute, this.#tenantMinute.used),
      'x-keap-tenant-throttle-interval': '1',
      'x-keap-tenant-throttle-time-unit': 'minute',
    };
  }
}

interface Window {
  start: number;
  used: number;
}

/** Counts within windows that start at full seconds, minutes and days; a refused request is not counted. */
function take(window: Window, now: number, length: number, limit: number): boolean {
  const start = now - (now % length);
  if (start !== window.start) {
    window.start = start;
    window.used = 0;
  }
  if (window.used >= limit) return false;
  window.used++;
  return true;
}

function state(prefix: string, limit: number, used: number): Record<string, string> {
  return {
    [`${prefix}-limit`]: String(limit),
    [`${prefix}-available`]: String(Math.max(0, limit - used)),
    [`${prefix}-used`]: String(used),
  };
}

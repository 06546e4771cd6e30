// The three APIs as the demo uses them: Keap, the shop, and Tandem itself. Nothing but HTTP.

import { tokenOf } from '../oracle/compare.ts';

// biome-ignore lint/suspicious/noExplicitAny: answers of three APIs, read where they are used
export type Answer = any;

export interface Api {
  readonly url: string;
  get(path: string): Promise<Answer>;
  send(method: string, path: string, body?: object): Promise<Answer>;
}

export interface Apis {
  readonly keap: Api;
  readonly shop: Api;
  readonly tandem: Api;
}

/** @throws on any status that is not 2xx, with what was answered */
export function api(url: string, headers: Record<string, string>): Api {
  async function send(method: string, path: string, body?: object): Promise<Answer> {
    const response = await fetch(url + path, {
      method,
      headers: { ...headers, ...(body ? { 'content-type': 'application/json' } : {}) },
      ...(body ? { body: JSON.stringify(body) } : {}),
      signal: AbortSignal.timeout(30_000),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${url}${path} answered ${response.status}: ${text.slice(0, 300)}`);
    return text === '' ? undefined : JSON.parse(text);
  }
  return { url, send, get: (path) => send('GET', path) };
}

/** Waits until `check` gives something. @throws what was waited for, and the last failure, once the time is up */
export async function until<T>(
  what: string,
  check: () => Promise<T | undefined | false>,
  patience = 30_000,
): Promise<T> {
  const end = Date.now() + patience;
  let last: unknown;
  for (;;) {
    try {
      const result = await check();
      if (result) return result;
    } catch (error) {
      last = error;
    }
    if (Date.now() > end)
      throw new Error(`Waited ${patience / 1000} s in vain: ${what}${last ? ` (${String(last)})` : ''}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** How many records a system holds, counted by reading them all through its own API. */
export async function countKeap(keap: Api, entity: string): Promise<number> {
  let count = 0;
  let token = '';
  do {
    const page = await keap.get(`/v2/${entity}?page_size=1000${token && `&page_token=${encodeURIComponent(token)}`}`);
    count += page[entity].length;
    token = tokenOf(page.next_page_token ?? '');
  } while (token);
  return count;
}

export async function countShop(shop: Api, entity: string): Promise<number> {
  for (let page = 1, count = 0; ; page++) {
    const records = await shop.get(`/${entity}?per_page=100&page=${page}`);
    count += records.length;
    if (records.length < 100) return count;
  }
}

// Faults on demand: rules that say which requests go wrong, how, and how often.
// The server asks `pick` once per request; what each action does to the answer is in server.ts.

import { isObject } from './json.ts';
import { type Random, seededRandom } from './random.ts';

export const faultActions = [
  'status', // answer a status at once, without doing the work
  'hang', // never answer
  'reset', // reset the connection without doing the work
  'lose-response', // do the work, then destroy the socket: the caller cannot know the outcome
  'delay', // wait `ms`, then answer as usual
  'truncate', // answer with a JSON body that is cut in half
  'malformed', // answer 200 with something that is no JSON
  'empty-list', // answer a list as if there were no records and no further page
  'slow-body', // send the body in pieces spread over `ms`
] as const;

export type FaultAction = (typeof faultActions)[number];

export interface FaultRule {
  /** Given by the sandbox where absent. */
  id?: string;
  /** Only requests of this HTTP method. */
  method?: string;
  /** Starting with "/": a prefix of the path. Anything else: a regular expression on path and query. */
  path?: string;
  /** How many requests it hits at most; without it, all. */
  times?: number;
  /** For how long it holds from now on, in ms; without it, until it is removed. */
  lastsMs?: number;
  /** 0 to 1; without it, always. Drawn from a seeded random source. */
  probability?: number;
  action: FaultAction;
  status?: number;
  headers?: Record<string, string>;
  body?: unknown;
  /** Milliseconds, for delay, slow-body and hang (a hang without it lasts until the caller gives up). */
  ms?: number;
}

interface ActiveRule {
  rule: FaultRule & { id: string };
  matches: (url: string) => boolean;
  left: number;
  /** Epoch ms. */
  end: number;
  hits: number;
}

export class Faults {
  #active: ActiveRule[] = [];
  #random: Random;
  #lastId = 0;

  constructor(seed = 1) {
    this.#random = seededRandom(seed);
  }

  /** Adds a rule behind those already there. Throws a plain Error on a rule that makes no sense. */
  add(rule: FaultRule): FaultRule & { id: string } {
    const problem = problemOf(rule);
    if (problem) throw new Error(problem);
    const complete = { ...rule, id: rule.id ?? `fault-${++this.#lastId}` };
    this.#active.push({
      rule: complete,
      matches: pathMatcher(rule.path),
      left: rule.times ?? Number.POSITIVE_INFINITY,
      end: rule.lastsMs === undefined ? Number.POSITIVE_INFINITY : Date.now() + rule.lastsMs,
      hits: 0,
    });
    return complete;
  }

  /** Removes one rule, or all of them. */
  clear(id?: string): void {
    this.#active = id === undefined ? [] : this.#active.filter((active) => active.rule.id !== id);
  }

  seed(seed: number): void {
    this.#random = seededRandom(seed);
  }

  list(): (FaultRule & { id: string; hits: number })[] {
    return this.#active.map(({ rule, hits }) => ({ ...rule, hits }));
  }

  /** The first rule that hits this request; it is used up by one. */
  pick(method: string, url: string): (FaultRule & { id: string }) | undefined {
    for (const active of this.#active) {
      const { rule } = active;
      if (active.left <= 0 || active.end <= Date.now()) continue;
      if (rule.method !== undefined && rule.method.toUpperCase() !== method) continue;
      if (!active.matches(url)) continue;
      if (rule.probability !== undefined && this.#random() >= rule.probability) continue;
      active.left--;
      active.hits++;
      return rule;
    }
    return undefined;
  }
}

function pathMatcher(path: string | undefined): (url: string) => boolean {
  if (path === undefined) return () => true;
  if (path.startsWith('/')) return (url) => url.startsWith(path);
  const pattern = new RegExp(path);
  return (url) => pattern.test(url);
}

function problemOf(rule: unknown): string | undefined {
  if (!isObject(rule)) return 'a fault is an object with an action';
  if (!faultActions.some((action) => action === rule.action)) return `action is one of ${faultActions.join(', ')}`;
  for (const key of ['times', 'lastsMs', 'probability', 'status', 'ms'])
    if (rule[key] !== undefined && (typeof rule[key] !== 'number' || rule[key] < 0)) return `${key} is a number >= 0`;
  for (const key of ['id', 'method', 'path'])
    if (rule[key] !== undefined && typeof rule[key] !== 'string') return `${key} is a string`;
  if (typeof rule.path === 'string' && !rule.path.startsWith('/')) {
    try {
      new RegExp(rule.path);
    } catch {
      return 'path is a prefix that starts with "/", or a regular expression';
    }
  }
  return undefined;
}

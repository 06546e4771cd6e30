/**
 * A reader of Redis, the queues or the log learns ids and reasons, and nothing of a customer but the losing values kept
 * on purpose.
 */
import { beforeAll, describe, expect, it } from 'vitest';
import type { Logger } from '../../../engine/logger.ts';
import { dumpRedis, type Entry } from '../../support/dump.ts';
import { worldWith } from './support.ts';

let redis: Entry[];
const lines: string[] = [];
/** Texts of customers that stand in the records, longest first. */
let values: string[];

const log = (fields: object, message: string): void => void lines.push(JSON.stringify({ message, ...fields }));
const logger: Logger = { debug: log, info: log, warn: log, error: log };
const world = worldWith({ size: 'small', logger });

/** What the records of both systems say of people and companies: names, addresses of all kinds, notes. */
const PERSONAL =
  /name|company|mail|phone|number|address|line|street|city|locality|post|zip|note|website|url|sku|description|title/i;

function collect(value: unknown, field: string, found: Set<string>): void {
  if (typeof value === 'string') {
    if (PERSONAL.test(field) && value.trim().length >= 4 && !/^[\d.,:TZ-]+$/.test(value)) found.add(value.trim());
  } else if (Array.isArray(value)) for (const item of value) collect(item, field, found);
  else if (typeof value === 'object' && value !== null)
    for (const [name, item] of Object.entries(value)) collect(item, name, found);
}

/** Words of the configuration and of reasons stand in Redis anyway; as a value they would prove nothing. */
// The seed also has hostile names such as "true".
const ORDINARY =
  /^(active|billing|shipping|work|mobile|home|email1|keap|customwebshop|contact|customer|company|none|true|false|null|undefined|reason|nil)$/i;

/** Where a value stands as a word of its own: hashes hold every short text by chance. */
const holds = (text: string, value: string): boolean => {
  for (let at = text.indexOf(value); at >= 0; at = text.indexOf(value, at + 1)) {
    const around = `${text[at - 1] ?? ' '}${text[at + value.length] ?? ' '}`;
    if (value.length >= 10 || !/[A-Za-z0-9_-]/.test(around)) return true;
  }
  return false;
};

const leaks = (texts: readonly string[]): string[] => {
  const all = texts.join('\n');
  const lower = all.toLowerCase();
  return values.filter((value) => holds(all, value) || (value.includes('@') && lower.includes(value.toLowerCase())));
};

beforeAll(async () => {
  // A second round of edits on both sides: conflicts, whose losing values are kept.
  for (const [i, company] of world.seed.keap.companies.slice(0, 12).entries()) {
    await world.keapApi('PATCH', `/v2/companies/${company.id}?update_mask=notes`, {
      notes: `Secret note ${i} of Keap`,
    });
  }
  for (const [i, customer] of world.seed.shop.customers.slice(0, 12).entries()) {
    await world.shopApi('PATCH', `/customers/${customer.id}`, { note: `Secret note ${i} of the shop` });
  }
  await world.sync('full');
  await world.settle();
  redis = await dumpRedis(world.engine.redis, world.engine.prefix);
  const found = new Set<string>();
  collect(world.seed.keap, '', found);
  collect(world.seed.shop, '', found);
  for (let i = 0; i < 12; i++) found.add(`Secret note ${i} of Keap`).add(`Secret note ${i} of the shop`);
  values = [...found].filter((value) => !ORDINARY.test(value)).sort((a, b) => b.length - a.length);
});

describe('after a whole sync with all its trouble', () => {
  it('Redis and the log hold enough data that a leak would be found', () => {
    expect(values.length).toBeGreaterThan(300);
    expect(redis.length).toBeGreaterThan(50);
    expect(redis.some(({ key }) => key.endsWith(':failed'))).toBe(true);
    expect(lines.length).toBeGreaterThan(100);
    // The test can see: what is kept on purpose is found.
    expect(leaks(redis.filter(({ key }) => key.includes(':history:')).flatMap(({ texts }) => texts))).not.toEqual([]);
  });

  it('no value of a record is in Redis but the losing ones of the history', () => {
    const found = redis
      .filter(({ key }) => !key.includes(':history:'))
      .map(({ key, texts }) => ({ key, leaks: leaks([key, ...texts]) }))
      .filter((entry) => entry.leaks.length > 0);
    expect(found).toEqual([]);
  });

  it('jobs hold ids and reasons: no values, no stacks, no logs', () => {
    const queues = redis.filter(({ key }) => key.startsWith('{'));
    expect(queues.flatMap(({ key }) => (key.endsWith(':logs') ? [key] : []))).toEqual([]);
    const texts = queues.flatMap((entry) => entry.texts);
    expect(leaks(texts)).toEqual([]);
    expect(texts.filter((text) => /\n\s+at |node_modules|\.ts:\d/.test(text))).toEqual([]);
  });

  it('the log holds no value of a record', () => {
    expect(leaks(lines)).toEqual([]);
  });
});

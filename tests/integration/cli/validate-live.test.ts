// `tandem validate --live`: conversions on records read from the systems, references through the links, nothing written.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Finding, Untried } from '../../../engine/sync/laws.ts';
import { redisUrl } from '../../support/redis.ts';
import { startWorld, type World } from '../../support/world.ts';
import { tandem } from '../../unit/cli/spawn.ts';

let world: World;
beforeAll(async () => {
  world = await startWorld({ size: 'small' });
  await world.sync();
  await world.settle();
});
afterAll(() => world?.close());

const env = (more: Record<string, string> = {}): Record<string, string> => ({
  REDIS_URL: redisUrl(),
  TANDEM_PREFIX: world.engine.prefix,
  TANDEM_CONFIG: world.dir,
  KEAP_BASE_URL: `${world.keap.url}/crm/rest`,
  KEAP_API_KEY: world.keap.apiKey,
  SHOP_BASE_URL: world.shop.url,
  SHOP_TOKEN: world.shop.token,
  SHOP_WEBHOOK_SECRET: 'test-webhook-secret',
  ...more,
});

interface Answer {
  readonly warnings: readonly Finding[];
  readonly intended: readonly Finding[];
  readonly untried: readonly Untried[];
}

/** Writes that the stand-ins took, and the links and held records in Redis. */
async function state() {
  const { redis, prefix } = world.engine;
  const all = (await redis.keys(`*${prefix}*`)).filter((key) => !/:(throttle|limit)/.test(key)).sort();
  // What goes by itself (locks, signs of life) comes and goes with the running process.
  const lasting = await Promise.all(all.map(async (key) => (await redis.pttl(key)) === -1));
  const keys = all.filter((_, i) => lasting[i]);
  const { keap, shop } = world;
  return { keap: keap.stats().writes, shop: shop.stats().writes, methods: [keap, shop].map(writing), keys };
}

const writing = (system: { stats(): { methods: Record<string, number> } }) => {
  const { GET: _, ...others } = system.stats().methods;
  return others;
};

describe('validate --live', () => {
  it('reads from both systems, follows lookups and references, and writes nothing', async () => {
    const before = await state();
    const reads = world.keap.stats().reads;
    const { status, stdout } = await tandem(['validate', '--live', '--json', '--strict'], env());
    expect(status).toBe(1);
    expect(await state()).toEqual(before);
    expect(world.keap.stats().reads).toBeGreaterThan(reads);
    const { warnings, intended, untried } = JSON.parse(stdout) as Answer;
    expect(warnings.map(({ kind, property, from, code }) => ({ kind, property, from, code }))).toEqual([
      { kind: 'refused', property: 'email_address.email', from: 'keap', code: 'RECORD_SCHEMA' },
      { kind: 'refused', property: 'address.line1', from: 'customwebshop', code: 'RECORD_SCHEMA' },
      { kind: 'refused', property: 'address.locality', from: 'customwebshop', code: 'RECORD_SCHEMA' },
      { kind: 'refused', property: 'address.country_code', from: 'keap', code: 'VALUE_NOT_IN_TABLE' },
      { kind: 'refused', property: 'stage_id', from: 'keap', code: 'VALUE_NOT_IN_TABLE' },
    ]);
    expect(warnings[0]!.records).toEqual({ found: 1, of: expect.any(Number) });
    expect(intended.map(({ property }) => property)).toEqual(['phone_number.number', 'contact_id']);
    // An opportunity of a contact that is no customer: its order is its company's customer's, who is another contact.
    const { example, records } = intended[1]!;
    expect(records.found).toBeGreaterThan(0);
    expect(example.back).not.toBe(example.value);
    expect(untried.map(({ property }) => property)).toEqual(['contact_id']);
  });

  it('reads no more records than asked for', async () => {
    const { stdout } = await tandem(['validate', '--live', '--json', '--sample', '3'], env());
    const { intended } = JSON.parse(stdout) as Answer;
    for (const { records } of intended) expect(records.of).toBeLessThanOrEqual(3);
  });

  it('says which system does not answer', async () => {
    const { status, stdout, stderr } = await tandem(
      ['validate', '--live'],
      env({ SHOP_BASE_URL: 'http://127.0.0.1:9' }),
    );
    expect(status).toBe(1);
    expect(stdout).toBe('');
    expect(stderr).toMatch(/^SYSTEM_UNREACHABLE: customwebshop\.customers could not be read: .*\nCheck the address/);
  });
});

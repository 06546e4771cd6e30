// `tandem validate --live`: conversions on records read from the systems, references through the links, nothing written.
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { LiveFinding, LiveRequest, NotChecked } from '../../../engine/check/findings.ts';
import type { Finding, UncheckedProperty } from '../../../engine/sync/round-trips.ts';
import { redisUrl } from '../../support/redis.ts';
import { tandem } from '../../unit/cli/in-process.ts';
import { worldWith } from '../sync/support.ts';

const world = worldWith({ size: 'small' });

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
  readonly live: {
    readonly requests: readonly LiveRequest[];
    readonly findings: readonly LiveFinding[];
    readonly notChecked: readonly NotChecked[];
  };
  readonly warnings: readonly Finding[];
  readonly intended: readonly Finding[];
  readonly notChecked: readonly UncheckedProperty[];
}

/** Writes that the stand-ins took, and the links and issues in Redis. */
async function state() {
  const { redis, prefix } = world.engine;
  const all = (await redis.keys(`*${prefix}*`)).filter((key) => !/:(throttle|limit)/.test(key)).sort();
  // What expires (locks, signs of life) comes and goes with the running process.
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
    const { warnings, intended, notChecked } = JSON.parse(stdout) as Answer;
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
    expect(notChecked.map(({ property }) => property)).toEqual(['contact_id']);
  });

  it('asks each system once for what its file declares, and finds no disagreement', async () => {
    const { status, stdout, stderr } = await tandem(['validate', '--live', '--json'], env());
    expect(status).toBe(0);
    const { live } = JSON.parse(stdout) as Answer;
    expect(live.findings.filter(({ severity }) => severity === 'problem')).toEqual([]);
    expect(new Set(live.requests.map(({ system }) => system))).toEqual(new Set(['keap', 'customwebshop']));
    // A list read by page goes on after a short page: each page is asked for once.
    const once = live.requests.map(({ system, request }) => `${system} ${request}`);
    expect(once.length).toBe(new Set(once).size);
    const single = live.requests.filter(({ request }) => !/[?&]page=([2-9]|\d\d)/.test(request));
    const asked = single.map(({ system, entity, operation }) => `${system}.${entity} ${operation}`);
    expect(asked.length).toBe(new Set(asked).size);
    expect(live.requests.every(({ request, status: answer }) => request.startsWith('GET /') && answer === 200)).toBe(
      true,
    );
    expect(stderr).not.toContain('[1/');
  });

  it('names the request, the response and the line of the file, ends with 1, and shows its progress', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'tandem-live-'));
    try {
      await cp(world.dir, folder, { recursive: true });
      const file = join(folder, 'systems', 'keap.yaml');
      const text = await readFile(file, 'utf8');
      const former = `$1'$merge([$sift($, function($$v, $$k) { $$k != "price" }), { "price": $round(price.amount * 100) }])'$2`;
      const changed = text.replace(/(\n {2}products:\n[\s\S]*?\n {4}normalize: )[\s\S]*?(\n {4}\w+:)/, former);
      await writeFile(file, changed);
      const line = changed.slice(0, changed.indexOf(`'$merge([$sift($, `)).split('\n').length;
      const { status, stdout, stderr } = await tandem(
        ['validate', '--live', join(folder, 'mappings', 'product-product.yaml')],
        env({ TANDEM_CONFIG: folder }),
      );
      expect(status).toBe(1);
      const found = stdout.split('\n').find((one) => one.includes(' AMOUNT '));
      expect(found).toMatch(
        new RegExp(
          `keap\\.yaml:${line}:\\d+ AMOUNT keap\\.products list: GET /v2/products\\?.* -> 200, \\d+ records looked at\\. price of`,
        ),
      );
      expect(stdout).toMatch(/\n\d+ requests sent, all of them GET; \d+ disagreements? with the files\.\n/);
      expect(stdout).toContain('1 file: valid, but not what the systems do');
      expect(stderr).toMatch(/^\[1\/\d+\] keap\.products: list$/m);
      expect(stderr).toMatch(/\d disagreements? with the systems/);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
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
    expect(stderr).toMatch(/^SYSTEM_UNREACHABLE: customwebshop\.customers could not be read: .*\nCheck the address/m);
  });
});

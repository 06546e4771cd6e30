/** What links and records that wait take in Redis, all keys included. */
import { expect, it } from 'vitest';
import type { Store } from '../../../engine/store/store.ts';
import { uniquePrefix } from '../../support/redis.ts';
import { redisOfFile } from '../../support/redis-of-file.ts';
import { loadReal } from '../../unit/config/real.ts';
import { dependentsIn, issue, keysOf, linkState, storeOf, token, unit } from './support.ts';

const redis = redisOfFile();

const mapping = (await loadReal()).config.mappings.get('company-customer')!;
const BATCH = 500;

async function bytesOf(store: Store): Promise<number> {
  let bytes = 0;
  for (const key of await keysOf(redis, store)) bytes += (await redis.memory('USAGE', key, 'SAMPLES', 0)) ?? 0;
  return bytes;
}

async function inBatches(count: number, work: (numbers: readonly number[]) => Promise<unknown>): Promise<void> {
  for (let i = 0; i < count; i += BATCH)
    await work(Array.from({ length: Math.min(BATCH, count - i) }, (_, j) => 10_000 + i + j));
}

/** Part `i` of record `n`: distinct, and of the length of a fingerprint, which would cost more than the store itself. */
function quick(n: number, i: number): string {
  const word = (x: number, factor: number): number => {
    const mixed = Math.imul(x ^ (x >>> 16), factor);
    return (mixed ^ (mixed >>> 13)) >>> 0;
  };
  bytes.writeUInt32BE(word(n * 32 + i, 0x85ebca6b), 0);
  bytes.writeUInt32BE(word(n * 32 + i, 0xc2b2ae35), 4);
  return bytes.toString('base64url');
}
const bytes = Buffer.alloc(8);

it.each([3_000, 20_000])('one of %i links of company-customer takes 400 bytes at most', async (count) => {
  expect(mapping.properties.length).toBeGreaterThanOrEqual(11);
  const store = storeOf(redis, uniquePrefix(), mapping);
  const keysOfMatch = (n: number): string[] => [quick(n, 0), quick(n, 1)];
  const linkOf = (n: number, revision: number | undefined) =>
    linkState(String(n), String(n + 7), {
      revision,
      base: Object.fromEntries(
        mapping.properties.map(({ name, definition }, i) => [
          name,
          [quick(n, 4 + 2 * i), quick(n, 5 + 2 * i), definition],
        ]),
      ),
      raw: [quick(n, 2), quick(n, 3)],
      matchKeys: keysOfMatch(n),
      ownWriteAt: [1_790_000_000_000, 1_790_000_000_000],
      foreignAt: [1_780_000_000_000, 1_780_000_000_000],
    });
  const revisions: number[] = [];
  await inBatches(count, async (numbers) => {
    // As in a first sync: both are read, then found to belong together, then edited.
    for (const side of [0, 1] as const)
      await store.unlinked.index(
        side,
        numbers.map((n) => ({ id: String(side === 0 ? n : n + 7), keys: keysOfMatch(n) })),
      );
    const made = await store.batches.commit(
      'o',
      numbers.map((n) => unit({ kind: 'link', link: linkOf(n, undefined) })),
    );
    revisions.push(...made.map((answer) => (answer.kind === 'done' ? answer.revision! : 0)));
  });
  await inBatches(count, (numbers) =>
    store.batches.commit(
      'o',
      numbers.map((n) => unit({ kind: 'link', link: linkOf(n, revisions[n - 10_000]) })),
    ),
  );
  expect(await store.links.count()).toBe(count);
  const perLink = (await bytesOf(store)) / count;
  console.log(`${count} links of ${mapping.properties.length} properties: ${perLink.toFixed(1)} bytes each`);
  expect(perLink).toBeLessThanOrEqual(400);
});

it.each([
  [3_000, 0],
  [10_000, 2],
])(
  'a record that waits for the link of another one takes 150 bytes at most, of %i with %i match keys',
  async (count, keys) => {
    const match = mapping.match.slice(0, keys);
    expect(match).toHaveLength(keys);
    const store = storeOf(redis, uniquePrefix(), { name: 'opportunity-order', match });
    await inBatches(count, (numbers) =>
      store.batches.commit(
        'o',
        numbers.map((n) => {
          const refs = [{ mapping: 'contact-customer', side: 1, id: String(n + 7) }] as const;
          const [property, code] = ['contact', 'REFERENCE_WAITING'] as const;
          const reason = 'contact_id refers to a record that has no counterpart in "contact-customer" yet.';
          return unit(
            {
              kind: 'unlinked',
              record: { side: 1, id: String(n) },
              state: `${token(`s${n}`)}.${token(`k${n}`)}`,
              raw: token(`r${n}`),
              index: { id: String(n), keys: [token(`mail${n}`), token(`name${n}`)].slice(0, keys) },
            },
            {
              open: { [`1/${n}`]: { issue: issue('waiting', { since: Date.now(), code, reason, property, refs }) } },
              waitFor: refs,
            },
          );
        }),
      ),
    );
    expect((await store.issues.counts()).waiting).toBe(count);
    const contacts = storeOf(redis, store.context.prefix, { name: 'contact-customer', match: [] });
    expect(await dependentsIn(redis, contacts)).toHaveLength(count);
    const perRecord = ((await bytesOf(store)) + (await bytesOf(contacts))) / count;
    console.log(`${count} records that wait, ${keys} match keys: ${perRecord.toFixed(1)} bytes each`);
    expect(perRecord).toBeLessThanOrEqual(150);
  },
);

it.each([3_000, 20_000])('one of %i records that nothing matches takes 150 bytes at most', async (count) => {
  const store = storeOf(redis, uniquePrefix(), mapping);
  await inBatches(count, (numbers) =>
    store.batches.commit(
      'o',
      numbers.map((n) =>
        unit(
          {
            kind: 'unlinked',
            record: { side: 1, id: String(n) },
            state: `${token(`s${n}`)}.${token(`k${n}`)}`,
            raw: token(`r${n}`),
            index: { id: String(n), keys: [token(`mail${n}`), token(`name${n}`)] },
          },
          { open: { [`1/${n}`]: { issue: issue('unmatched', { since: Date.now(), reason: 'Nothing matches it.' }) } } },
        ),
      ),
    ),
  );
  expect((await store.issues.counts()).unmatched).toBe(count);
  const perRecord = (await bytesOf(store)) / count;
  console.log(`${count} records that nothing matches: ${perRecord.toFixed(1)} bytes each`);
  expect(perRecord).toBeLessThanOrEqual(150);
});

/** A store of its own in the Redis of the tests, and what tests of stores say often. */
import type { Redis } from 'ioredis';
import { setNumber } from '../../../engine/store/link-codec.ts';
import { createStore, type Store } from '../../../engine/store/store.ts';
import type { StoreRules } from '../../../engine/store/store-context.ts';
import type { CommitUnit, Issue, IssueKind, LinkState } from '../../../engine/store/types.ts';
import { decodeUnlinked } from '../../../engine/store/unlinked-codec.ts';
import { textOfWaiting } from '../../../engine/store/waiting-codec.ts';
import { testFingerprinter } from '../../support/fingerprints.ts';

export const token = (text: string): string => testFingerprinter.token(text);

export const storeOf = (redis: Redis, prefix: string, rules: StoreRules): Store =>
  createStore(redis, prefix, rules, testFingerprinter);

export const issue = (kind: IssueKind, more: Partial<Issue> = {}): Issue => ({
  kind,
  reason: 'because',
  mapping: 'v1',
  since: Date.parse('2026-01-01'),
  ...more,
});

export const linkState = (a: string, b: string, more: Partial<LinkState> = {}): LinkState => ({
  ids: [a, b],
  revision: undefined,
  base: { p: [token('p0'), token('p1'), 'd'] },
  lastSynced: [token('s0'), token('s1')],
  ...more,
});

/** A unit that nobody has claimed, as of a person's work. */
export const unit = (result: CommitUnit['result'], more: Partial<CommitUnit> = {}): CommitUnit => ({
  records: [],
  claims: [],
  result,
  ...more,
});

/** Makes a link, without claims. @returns its revision */
export async function makeLink(store: Store, a: string, b: string, more: Partial<LinkState> = {}): Promise<number> {
  const [answer] = await store.batches.commit('test', [unit({ kind: 'link', link: linkState(a, b, more) })]);
  if (answer?.kind !== 'done') throw new Error(`The link was not made: ${answer?.kind}`);
  return answer.revision!;
}

/** All keys of a mapping, each once. */
export const keysOf = (redis: Redis, { context: { base } }: Store): Promise<string[]> => keysBehind(redis, base);

export async function keysBehind(redis: Redis, start: string): Promise<string[]> {
  const found = new Set<string>();
  for await (const keys of redis.scanStream({ match: `${start.replace(/[[\]{}*?]/g, '\\$&')}*`, count: 1_000 }))
    for (const key of keys as string[]) found.add(key);
  return [...found].sort();
}

/** Everything that stands in the buckets of a family. */
export async function family(redis: Redis, store: Store, name: string): Promise<Map<string, Buffer>> {
  const found = new Map<string, Buffer>();
  const start = `${store.context.base}${name}:`;
  for (const key of await keysOf(redis, store)) {
    if (!key.startsWith(start) || !/^\d+$/.test(key.slice(start.length))) continue;
    for (const [field, value] of pairs((await redis.callBuffer('HGETALL', key)) as Buffer[])) {
      if (found.has(field)) throw new Error(`${field} stands in two buckets of ${name}`);
      found.set(field, value);
    }
  }
  return found;
}

export function pairs(flat: readonly Buffer[]): [string, Buffer][] {
  const found: [string, Buffer][] = [];
  for (let i = 0; i < flat.length; i += 2) found.push([flat[i]!.toString('latin1'), flat[i + 1]!]);
  return found;
}

/** Members `ID\0OTHER` of a family of sorted sets: OTHER waits for, or watches, ID. */
export async function dependentsIn(redis: Redis, store: Store, name = 'dependents'): Promise<string[]> {
  const keys = (await keysOf(redis, store)).filter((key) => key.startsWith(`${store.context.base}${name}:`));
  return (await Promise.all(keys.map((key) => redis.zrange(key, '0', '-1')))).flat();
}

/** Match keys at the end of a link's value. */
function matchKeysIn(value: Buffer): string[] {
  const noted = value[1]! >> 6;
  const count = noted < 3 ? noted : value[value.length - 1]!;
  const start = value.length - (noted < 3 ? 0 : 1) - 8 * count;
  return Array.from({ length: count }, (_, i) => value.toString('base64url', start + 8 * i, start + 8 * i + 3));
}

/** Whatever is an index agrees with what it is an index of; @returns what does not, in words. */
// Over 60 lines: one index after the other. What one part reads is what the next one is compared with.
export async function contradictions(redis: Redis, store: Store): Promise<string[]> {
  const { base } = store.context;
  const wrong: string[] = [];
  const check = (what: string, found: unknown, expected: unknown): void => {
    const [a, b] = [found, expected].map((one) => JSON.stringify(one));
    if (a !== b) wrong.push(`${what}: ${a}, not ${b}`);
  };
  const links: Awaited<ReturnType<Store['reader']['decode']>> & {} = [];
  const uses = new Map<number, number>();
  const use = (number: number): void => void uses.set(number, (uses.get(number) ?? 0) + 1);
  const keysOfLinks = new Map<string, Set<string>>();
  for (const [id, value] of pairs((await redis.callBuffer('HGETALL', `${base}link`)) as Buffer[])) {
    use(setNumber(value));
    for (const key of matchKeysIn(value)) keysOfLinks.set(key, (keysOfLinks.get(key) ?? new Set()).add(id));
  }
  for await (const batch of store.links.all()) links.push(...batch);
  const sorted = (map: Iterable<[string, string]>): [string, string][] => [...map].sort(([a], [b]) => (a < b ? -1 : 1));
  const rev = [...(await family(redis, store, 'rev'))].map(([id, first]): [string, string] => [id, first.toString()]);
  check('rev', sorted(rev), sorted(links.map(({ ids: [a, b] }): [string, string] => [b, a])));

  const kinds = new Map<string, string>();
  const free = new Map<string, Set<string>>();
  const linked = [new Set(links.map(({ ids }) => ids[0])), new Set(links.map(({ ids }) => ids[1]))] as const;
  for (const side of [0, 1] as const) {
    for (const [id, value] of await family(redis, store, `unlinked:${side}`)) {
      const entry = decodeUnlinked(value);
      if (linked[side].has(id)) wrong.push(`${side}/${id} has a link and an entry without one`);
      if (entry.issue) {
        kinds.set(`${side}/${id}`, entry.issue.kind);
        use(entry.issue.text);
      }
      const put = (rule: number | 'c', key: string): void => {
        if (key === '') return;
        const place = `free:${entry.tag}:${rule}:${side} ${key}`;
        free.set(place, (free.get(place) ?? new Set()).add(id));
      };
      for (const [rule, key] of entry.matchKeys.entries()) put(rule, key);
      put('c', entry.correlationId);
    }
  }
  const families = new Set((await keysOf(redis, store)).flatMap((key) => /free:[^:]*:[^:]*:[01]/.exec(key) ?? []));
  const found = new Map<string, Set<string>>();
  for (const name of families)
    for (const [key, ids] of await family(redis, store, name))
      found.set(`${name} ${Buffer.from(key, 'latin1').toString('base64url')}`, new Set(ids.toString().split('\0')));
  const flat = (index: Map<string, Set<string>>) =>
    sorted([...index].map(([place, ids]) => [place, [...ids].sort().join()]));
  check('free', flat(found), flat(free));

  for (const side of [0, 1] as const)
    for (const [id, value] of await family(redis, store, `waiting:${side}`)) {
      if (kinds.has(`${side}/${id}`)) wrong.push(`${side}/${id} has two issues`);
      kinds.set(`${side}/${id}`, 'w');
      use(textOfWaiting(value));
    }

  const linkedBy = [...(await family(redis, store, 'linked'))].map(([key, ids]): [string, Set<string>] => [
    Buffer.from(key, 'latin1').toString('base64url'),
    new Set(ids.toString().split('\0')),
  ]);
  check('linked', flat(new Map(linkedBy)), flat(keysOfLinks));

  const creates = [new Set<string>(), new Set<string>()] as const;
  for (const [key, value] of Object.entries(await redis.hgetall(`${base}open`))) {
    if (value.startsWith('I')) {
      if (kinds.has(key)) wrong.push(`${key} has two issues`);
      kinds.set(key, value[1]!);
    }
    if (/^C/m.test(value)) creates[key.startsWith('0') ? 0 : 1].add(key.slice(2));
  }
  const counts: Record<string, string> = {};
  for (const kind of kinds.values()) counts[kind] = String(Number(counts[kind] ?? 0) + 1);
  check('issues', sorted(Object.entries(await redis.hgetall(`${base}issues`))), sorted(Object.entries(counts)));
  for (const kind of ['f', 'b', 'r']) {
    const keys = [...kinds].flatMap(([key, one]) => (one === kind ? [key] : []));
    check(`issues:${kind}`, (await redis.smembers(`${base}issues:${kind}`)).sort(), keys.sort());
  }
  for (const side of [0, 1] as const)
    check(`creates:${side}`, (await redis.smembers(`${base}creates:${side}`)).sort(), [...creates[side]].sort());

  const stored = await redis.hgetall(`${base}words`);
  const numbers = Object.entries(stored).filter(([field]) => field.startsWith('#'));
  check('words', sorted(numbers), sorted([...uses].map(([number, times]) => [`#${number}`, String(times)])));
  for (const number of uses.keys()) if (stored[number] === undefined) wrong.push(`the text ${number} is gone`);

  const sizes = Object.entries(await redis.hgetall(`${base}sizes`)).filter(([name]) => !name.endsWith('/n'));
  for (const [name, size] of sizes) {
    const ordered = name.startsWith('dependents:');
    const entries = ordered ? (await dependentsIn(redis, store, name)).length : (await family(redis, store, name)).size;
    check(`size of ${name}`, size, String(entries));
  }
  return wrong;
}

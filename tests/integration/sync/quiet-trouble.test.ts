/** However many records are in trouble, a scan that finds nothing new reads none of them. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { recordKey } from '../../../engine/model/record-key.ts';
import type { Issue } from '../../../engine/store/types.ts';
import { mappingScope } from '../../../engine/sync/mapping-scope.ts';
import { scan } from '../../../engine/sync/scan.ts';
import { connectTestRedis } from '../../support/redis.ts';
import { startWorld, type World } from '../../support/world.ts';
import { issue, linkState, token, unit } from '../store/support.ts';
import { sync } from './support.ts';

/** More for a run by hand: `TROUBLE=200000`. */
const COUNT = Number(process.env.TROUBLE ?? 20_000);
const BATCH = 500;
const MAPPING = 'product-product';
const KINDS = ['failed', 'waiting', 'blocked'] as const;

const redis = connectTestRedis();
let world: World;
beforeAll(async () => {
  world = await startWorld();
  await sync(world, 'full');
});
afterAll(async () => {
  await world?.close();
  await redis.quit();
});

/** Commands on keys of this world while something is done, those inside scripts included. */
async function commandsOf(work: () => Promise<unknown>): Promise<{ args: string[]; bytes: number }[]> {
  const { prefix } = world.engine.links(MAPPING).context;
  const monitor = await redis.duplicate().monitor();
  const found: { args: string[]; bytes: number }[] = [];
  let last = false;
  const end = `the last of ${prefix}`;
  monitor.on('monitor', (_time: string, args: string[]) => {
    if (args[1] === end) last = true;
    else if (!last && args.some((arg) => arg.startsWith(`${prefix}:`)))
      found.push({ args, bytes: args.reduce((sum, arg) => sum + arg.length, 0) });
  });
  await work();
  await redis.echo(end);
  await expect.poll(() => last).toBe(true);
  monitor.disconnect();
  return found;
}

async function putInTrouble(): Promise<void> {
  const store = world.engine.links(MAPPING);
  const brake = await store.brake.trip({ kind: 'creates', by: 'writes', count: 9, limit: 2, linked: 10 });
  const refs = (n: number) => [{ mapping: 'company-customer', side: 0 as const, id: String(n) }];
  const issueOf = (n: number): Issue => {
    const kind = KINDS[n % KINDS.length]!;
    if (kind === 'waiting') return issue(kind, { code: 'REFERENCE_WAITING', refs: refs(n) });
    return kind === 'blocked'
      ? issue(kind, { code: 'BRAKE_ON', brake: brake.id })
      : issue(kind, { code: 'SYSTEM_REJECTED' });
  };
  for (let i = 0; i < COUNT; i += BATCH)
    await store.batches.commit(
      'test',
      Array.from({ length: BATCH }, (_, j) => {
        const n = i + j;
        const [side, id] = [(n % 2) as 0 | 1, `trouble-${n}`];
        const open = { [recordKey(side, id)]: { issue: issueOf(n) } };
        // A tenth of them have a link.
        if (n % 20 === 0) return unit({ kind: 'link', link: linkState(id, `other-${n}`) }, { open });
        return unit({ kind: 'unlinked', record: { side, id }, state: token(`s${n}`), raw: token(`r${n}`) }, { open });
      }),
    );
}

it(`a scan with ${COUNT} failed, waiting and blocked records reads nothing of what is open about them`, async () => {
  const changes = () => sync(world, 'changes', MAPPING);
  await changes();
  const without = await commandsOf(changes);
  await putInTrouble();
  const store = world.engine.links(MAPPING);
  const counts = await store.issues.counts();
  expect(counts.failed + counts.waiting + counts.blocked).toBe(COUNT);

  const after = await commandsOf(changes);
  const touched = (commands: typeof after, names: RegExp) =>
    commands.filter(({ args }) => args.some((arg) => names.test(arg)));
  expect(touched(after, /\}:(open|issues:\w|waiting:\d:\d+|unlinked:\d:\d+)$/)).toEqual([]);
  const bytes = (commands: typeof after) => commands.reduce((sum, one) => sum + one.bytes, 0);
  console.log(
    `${COUNT} in trouble: ${without.length} commands of ${bytes(without)} bytes before, ${after.length} of ${bytes(after)} after`,
  );
  // What watches the queues ticks meanwhile.
  expect(after.length).toBeLessThan(without.length * 2 + 100);

  // A full scan compares what it was shown with what it knows, but reads no issue.
  const { mapping } = mappingScope(world.engine.context({ owner: 'test' }), world.engine.mapping(MAPPING));
  const missing: string[] = [];
  const full = await commandsOf(() =>
    scan(world.engine.context({ owner: 'test' }), mapping, 'full', {
      plan: true,
      found: async (_, ids) => void missing.push(...ids),
    }),
  );
  expect(touched(full, /\}:(issues:\w|waiting:\d:\d+)$/)).toEqual([]);
  expect(touched(full, /\}:open$/).filter(({ args }) => !/^hget$/i.test(args[0]!))).toEqual([]);
});

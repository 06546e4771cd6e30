/** However many records are in trouble, a scan that finds nothing new reads none of them. */
import { connect } from 'node:net';
import { createInterface } from 'node:readline';
import { expect, it } from 'vitest';
import { recordKey } from '../../../engine/model/record-key.ts';
import type { Issue } from '../../../engine/store/types.ts';
import { redisUrl } from '../../support/redis.ts';
import { redisOfFile } from '../../support/redis-of-file.ts';
import { issue, linkState, token, unit } from '../store/support.ts';
import { sync, worldWith } from './support.ts';

/** More for a run by hand: `TROUBLE=200000`. */
const COUNT = Number(process.env.TROUBLE ?? 20_000);
const BATCH = 500;
const MAPPING = 'product-product';
const KINDS = ['failed', 'waiting', 'blocked'] as const;

// Closed after the world: hooks that come after tests run last first.
const redis = redisOfFile();
const world = worldWith();

/** Commands on keys of this world while something is done, those inside scripts included. */
async function commandsOf(work: () => Promise<unknown>): Promise<{ args: string[]; bytes: number }[]> {
  const { prefix } = world.engine.links(MAPPING).context;
  // A socket of its own: ioredis may meet the first lines of MONITOR before it expects them.
  const { hostname, port } = new URL(redisUrl());
  const socket = connect(Number(port), hostname);
  const lines: string[] = [];
  createInterface({ input: socket }).on('line', (line) => lines.push(line));
  const seen = (text: string) => expect.poll(() => lines.some((line) => line.includes(text)), { timeout: 10_000 });
  socket.write('MONITOR\r\n');
  await seen('+OK').toBe(true);
  const [start, end] = [`first of ${prefix} ${lines.length}`, `last of ${prefix} ${lines.length}`];
  await redis.echo(start);
  await work();
  await redis.echo(end);
  await seen(end).toBe(true);
  socket.destroy();
  const at = (text: string): number => lines.findIndex((line) => line.includes(text));
  return lines
    .slice(at(start) + 1, at(end))
    .filter((line) => line.includes(`"${prefix}:`))
    .map((line) => ({
      args: [...line.matchAll(/"((?:[^"\\]|\\.)*)"/g)].map(([, arg]) => arg!),
      bytes: line.length,
    }));
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
  expect(touched(after, /\}:(open|issues:\w|waiting:\d:\d+|unlinked:\d:\d+)$/).slice(0, 3)).toEqual([]);
  const bytes = (commands: typeof after) => commands.reduce((sum, one) => sum + one.bytes, 0);
  console.log(
    `${COUNT} in trouble: ${without.length} commands of ${bytes(without)} bytes before, ${after.length} of ${bytes(after)} after`,
  );
  // What watches the queues ticks meanwhile.
  expect(after.length).toBeLessThan(without.length * 2 + 100);
});

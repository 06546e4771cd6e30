/** A Redis Cluster: all keys are on one node, and the one that takes over from it is found. What is none is refused. */
import { Redis } from 'ioredis';
import { afterEach, expect, it } from 'vitest';
import { type StartedRedis, startRedis } from '../../scripts/redis.mjs';
import { configFolder, freePort, standIns } from '../integration/cli/support.ts';
import { closeAll, later } from '../support/closing.ts';
import { until } from '../support/until.ts';
import { tandem } from '../unit/cli/spawn.ts';
import { PATIENCE, startOver } from './replaced-redis.ts';

afterEach(closeAll);

const RECORDS = 45;
const SLOTS = 16_384;

interface Node extends StartedRedis {
  readonly redis: Redis;
}

async function startNode(): Promise<Node> {
  let port = 0;
  // Nodes talk to each other on the port 10000 above.
  while (port === 0 || port > 55_000) port = await freePort();
  const quick = ['--cluster-node-timeout', '1000', '--repl-diskless-sync-delay', '0'];
  const args = ['--cluster-enabled', 'yes', '--cluster-replica-validity-factor', '0', ...quick];
  const node = await startRedis({ own: true, appendonly: true, port, args });
  const redis = new Redis(node.port, node.host);
  redis.on('error', () => {});
  later(async () => {
    redis.disconnect();
    await node.stop();
  });
  return Object.assign(node, { redis });
}

/** Three that share the slots, and a follower of the one with the slot of `key`. */
async function startCluster(key: string): Promise<{ nodes: Node[]; leader: Node; follower: Node }> {
  const nodes = [await startNode(), await startNode(), await startNode(), await startNode()];
  const [first, , , follower] = nodes as [Node, Node, Node, Node];
  const slot = await first.redis.cluster('KEYSLOT', key);
  const share = Math.ceil(SLOTS / 3);
  const leader = nodes[Math.floor(slot / share)] as Node;
  for (const [i, { redis, host, port }] of nodes.entries()) {
    await redis.cluster('SET-CONFIG-EPOCH', i + 1);
    const own = Array.from({ length: SLOTS }, (_, one) => one).filter((one) => Math.floor(one / share) === i);
    if (own.length > 0) await redis.cluster('ADDSLOTS', ...own);
    if (i > 0) await first.redis.cluster('MEET', host, port);
  }
  const all = (ready: (node: Node) => Promise<boolean>) =>
    until(async () => (await Promise.all(nodes.map(ready))).every(Boolean), PATIENCE);
  await all(async ({ redis }) => {
    const info = String(await redis.cluster('INFO'));
    return info.includes('cluster_state:ok') && info.includes('cluster_known_nodes:4');
  });
  await follower.redis.cluster('REPLICATE', String(await leader.redis.cluster('MYID')));
  await all(async ({ redis }) => String(await redis.cluster('NODES')).includes('slave '));
  await until(() => isFollowing(follower), PATIENCE);
  return { nodes, leader, follower };
}

async function isFollowing({ redis }: Node): Promise<boolean> {
  return (await redis.info('replication')).includes('master_link_status:up');
}

it('syncs go on when another node of a cluster takes over, by command or after a kill: nothing is lost or made twice', async () => {
  const { nodes, leader, follower } = await startCluster('{tandem}');
  const { make, skus, allLinked, readyWith, expectAll } = await startOver(
    `redis+cluster://${nodes.map(({ host, port }) => `${host}:${port}`).join(',')}`,
    '1s',
  );

  await make(0, RECORDS / 3);
  await allLinked(RECORDS / 3);
  const keys = await leader.redis.keys('*');
  expect(keys.length).toBeGreaterThan(0);
  expect(keys.filter((key) => !key.startsWith('{tandem}:'))).toEqual([]);
  for (const node of nodes) if (node !== leader && node !== follower) expect(await node.redis.dbsize()).toBe(0);

  // The former one lives on: it redirects its callers.
  await make(RECORDS / 3, (2 * RECORDS) / 3);
  await until(() => skus().length > RECORDS / 3, PATIENCE, 25);
  await follower.redis.cluster('FAILOVER');
  await allLinked((2 * RECORDS) / 3);
  await until(() => isFollowing(leader), PATIENCE);

  await make((2 * RECORDS) / 3, RECORDS);
  await until(() => skus().length > (2 * RECORDS) / 3, PATIENCE, 25);
  const before = skus().length;
  follower.kill('SIGKILL');
  await follower.exited;
  const began = Date.now();
  await readyWith(leader);
  const ready = Date.now() - began;
  await allLinked(RECORDS);
  console.info(`killed at ${before} of ${RECORDS}: ready after ${ready} ms, all there after ${Date.now() - began} ms`);
  expectAll(RECORDS);
}, 400_000);

it('an address of one Redis that leads to a node of a cluster is refused in plain words', async () => {
  const { url } = await startNode();
  const { env } = await standIns();
  const folder = await configFolder('product-product');
  const { status, stderr } = await tandem(['worker'], { ...env, REDIS_URL: url, TANDEM_CONFIG: folder });
  expect(status).toBe(2);
  expect(stderr).toContain('STARTUP_REFUSED: This Redis is a node of a Redis Cluster');
  expect(stderr).toContain('redis+cluster://');
});

it('an address of a cluster that leads to a Redis alone is refused in plain words', async () => {
  const alone = await startRedis({ own: true });
  later(() => alone.stop());
  const { env } = await standIns();
  const { status, stderr } = await tandem(['worker'], {
    ...env,
    REDIS_URL: `redis+cluster://${alone.host}:${alone.port}`,
    TANDEM_CONFIG: await configFolder('product-product'),
  });
  expect(status).toBe(2);
  expect(stderr).toContain('STARTUP_REFUSED: REDIS_URL names a Redis Cluster, but this Redis is none');
});

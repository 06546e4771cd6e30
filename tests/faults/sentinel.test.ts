/** Redis that is replaced: sentinels make a follower the leader in the midst of work. */
import { afterEach, it } from 'vitest';
import { startRedis } from '../../scripts/redis.mjs';
import { closeAll, later } from '../support/closing.ts';
import { until } from '../support/until.ts';
import { PATIENCE, startOver } from './replaced-redis.ts';

afterEach(closeAll);

const RECORDS = 40;

it('syncs go on with the next Redis leader when the leader is killed: nothing is lost or made twice', async () => {
  const leader = await startRedis({ own: true, appendonly: true });
  later(() => leader.stop());
  const follower = await startRedis({
    own: true,
    appendonly: true,
    args: ['--replicaof', leader.host, String(leader.port)],
  });
  later(() => follower.stop());
  const sentinel = [
    `sentinel monitor main ${leader.host} ${leader.port} 2`,
    'sentinel down-after-milliseconds main 1000',
    'sentinel failover-timeout main 5000',
    'requirepass watched',
  ];
  const sentinels = await Promise.all([1, 2, 3].map(() => startRedis({ own: true, sentinel })));
  for (const one of sentinels) later(() => one.stop());

  const { make, skus, allLinked, readyWith, expectAll } = await startOver(
    `redis+sentinel://${sentinels.map(({ host, port }) => `${host}:${port}`).join(',')}/main?sentinelPassword=watched`,
    '5s',
  );
  await make(0, RECORDS / 2);
  await allLinked(RECORDS / 2);

  await make(RECORDS / 2, RECORDS);
  await until(() => skus().length > RECORDS / 2, PATIENCE, 25);
  const before = skus().length;
  leader.kill('SIGKILL');
  await leader.exited;
  const began = Date.now();
  await readyWith(follower);
  const ready = Date.now() - began;
  await allLinked(RECORDS);
  console.info(
    `leader killed at ${before} of ${RECORDS}: ready after ${ready} ms, all there after ${Date.now() - began} ms`,
  );
  expectAll(RECORDS);
}, 400_000);

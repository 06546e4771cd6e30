/** All data of an installation is lost while its processes go on, as after FLUSHALL: nothing that they remember is mixed with what comes. */
import { expect, it } from 'vitest';
import { uniquePrefix } from '../../support/redis.ts';
import { redisOfFile } from '../../support/redis-of-file.ts';
import { keysOf, makeLink, storeOf, token } from './support.ts';

const redis = redisOfFile();

it('a link stored after a loss of all data is never read with a definition set from before', async () => {
  const rules = { name: 'm', match: [] };
  const prefix = uniquePrefix();
  const [a, b] = [storeOf(redis, prefix, rules), storeOf(redis, prefix, rules)];
  await makeLink(a, '1', 'b1', { base: { before: [token('x'), token('y'), 'd'] } });
  expect((await b.reader.record(0, '1')).link?.base).toHaveProperty('before');
  await redis.unlink(...(await keysOf(redis, a)));
  const base = { after: [token('x'), token('y'), 'd'] as const };
  await makeLink(a, '1', 'b1', { base });
  expect((await b.reader.record(0, '1')).link?.base).toEqual(base);
  expect((await a.reader.record(0, '1')).link?.base).toEqual(base);
});

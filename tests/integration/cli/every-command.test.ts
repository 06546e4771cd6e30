/** Each command that ends by itself, once as a user starts it: a process from the build, which ends and says what it did. */
import { afterEach, expect, it } from 'vitest';
import { createProgram } from '../../../cli/program.ts';
import { listen } from '../../../server/server.ts';
import { closeAll } from '../../support/closing.ts';
import { redisUrl, uniquePrefix } from '../../support/redis.ts';
import { type Ended, tandem } from '../../unit/cli/spawn.ts';
import { API, person, world } from '../server/support.ts';

afterEach(closeAll);

/** They run until they are ended: processes.test.ts starts them. */
const LONG = ['start', 'server', 'worker'];

/** By command: what it is called with, how it ends, and some of what it prints. */
const CALLS: Readonly<Record<string, readonly [args: string, status: number, says: RegExp]>> = {
  validate: ['--no-env', 0, /all good/],
  plan: ['people --full --timeout 1', 1, /TIMEOUT/],
  sync: ['people --full --no-wait', 0, /^people: run /m],
  status: ['', 0, /^people +0/m],
  links: ['list people', 0, /^people has no links yet/],
  'links export': ['--allow-empty', 0, /^\{"tandem":"links".*\n\{"end":true/],
  mapping: ['retire nobody --yes', 2, /^NOT_FOUND: There is no mapping "nobody"/],
  explain: ['people crm 1', 0, /^name +Ann/m],
  history: ['people crm 1', 0, /Nothing is kept/],
  review: ['list', 0, /^Nothing to decide/],
  records: ['people', 0, /^Nothing like that waits/],
  retry: ['people', 0, /^Nothing like that waits/],
  queue: ['list', 0, /^reconcile-people/m],
  doc: ['', 0, /^# /],
  qa: ['', 1, /Nothing was compared/],
};

it('every command runs from the build and ends', async () => {
  const { commands } = await createProgram();
  expect(Object.keys(CALLS).filter((name) => !name.includes(' '))).toEqual(
    commands.map((command) => command.name()).filter((name) => !LONG.includes(name)),
  );
  const made = await world({ crm: [person('1', 'Ann', 'ann@x.test')] });
  const url = await listen(made.app);
  const env = { TANDEM_URL: url, TANDEM_API_TOKEN: API, REDIS_URL: redisUrl(), TANDEM_PREFIX: uniquePrefix() };
  const ended: Record<string, Ended> = {};
  for (const [name, [args]] of Object.entries(CALLS))
    ended[name] = await tandem([...name.split(' '), ...args.split(' ').filter((arg) => arg !== '')], env);
  for (const [name, [, status, says]] of Object.entries(CALLS)) {
    const { stdout, stderr } = ended[name]!;
    expect({ name, ...ended[name] }).toMatchObject({ status });
    expect(stdout + stderr, name).toMatch(says);
  }
}, 120_000);

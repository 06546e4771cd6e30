/** `tandem links export` and `import`: everything back as it was, and what came since is told apart. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { beforeAll, describe, expect, it } from 'vitest';
import { dismiss } from '../../../engine/sync/manual.ts';
import { redisUrl, uniquePrefix } from '../../support/redis.ts';
import { tandem } from '../../unit/cli/in-process.ts';
import { issueOf, type MappingName, make, scopeOf, sync, wipe, worldWith, writes } from '../sync/support.ts';

const MAPPINGS: MappingName[] = ['company-customer', 'contact-customer', 'product-product', 'opportunity-order'];

describe('of real-looking data', () => {
  const world = worldWith({ size: 'small' });
  let env: Record<string, string>;
  beforeAll(() => {
    env = { REDIS_URL: redisUrl(), TANDEM_PREFIX: world.engine.prefix, TANDEM_CONFIG: world.dir };
  });

  /** Whatever a scan compares: link keys, bases, states of linked records, and issues that stay. */
  async function contents(): Promise<Record<string, unknown>> {
    const found: Record<string, unknown> = {};
    for (const name of MAPPINGS) {
      const links = world.engine.links(name);
      for await (const batch of links.transfer.copyLinks())
        for (const one of batch) found[`${name} ${one.ids[0]}`] = one;
      for await (const batch of links.transfer.copyRecords())
        for (const one of batch) found[`${name} ${one.side}/${one.id}`] = one;
    }
    return found;
  }

  it('an import after the loss of everything restores it: a full sync writes nothing and has no work', async () => {
    const file = join(world.dir, 'links.ndjson');
    const person = (await world.issues('product-product')).find(({ kind }) => kind === 'review')!;
    await dismiss(scopeOf(world, 'product-product'), person);
    const before = await contents();
    const exported = await tandem(['links', 'export', '--out', file], env);
    expect(exported).toMatchObject({ status: 0 });
    const lines = (await readFile(file, 'utf8')).trim().split('\n');
    expect(lines).toHaveLength(Object.keys(before).length + 2);

    await wipe(world);
    // As it is kept, gzipped.
    await writeFile(`${file}.gz`, gzipSync(await readFile(file)));
    expect(await tandem(['links', 'import', `${file}.gz`, '--dry-run'], env)).toMatchObject({ status: 0 });
    expect(await contents()).toEqual({});
    expect(await tandem(['links', 'import', file], env)).toMatchObject({ status: 0 });
    expect(await contents()).toEqual(before);
    // Nothing is matched or created before both sides were read again.
    for (const name of MAPPINGS) expect(await world.engine.links(name).progress.ready()).toBe(false);

    const writesBefore = writes(world);
    world.outcomes.length = 0;
    const run = await sync(world, 'full');
    expect(writes(world)).toEqual(writesBefore);
    // Only what waits for another try or for a person is looked at, for its reasons are not copied; once more when what
    // it refers to was looked at.
    const waiting = (await Promise.all(MAPPINGS.map((name) => world.issues(name)))).flat();
    expect(run.progress.work).toBeLessThanOrEqual(2 * waiting.length);
    expect(world.outcomes.filter(({ outcome }) => ['matched', 'created', 'updated'].includes(outcome.kind))).toEqual(
      [],
    );
    expect(await issueOf(world, 'product-product', person.side === 0 ? 'keap' : 'shop', person.id)).toMatchObject({
      kind: 'unmatched',
      reason: expect.stringContaining('A person decided'),
    });
    expect(await contents()).toEqual(before);

    // Again: all is there.
    const again = await tandem(['links', 'import', file, '--json'], env);
    expect(again.status).toBe(0);
    expect(JSON.parse(again.stdout)).toMatchObject({ imported: 0, records: 0, conflicting: 0, bad: 0 });
  }, 180_000);

  it('records that came since the copy are created once, and what was linked since is linked again', async () => {
    const file = join(world.dir, 'older.ndjson');
    expect(await tandem(['links', 'export', '--out', file], env)).toMatchObject({ status: 0 });
    const since = await make(world, 'keap', 'companies', { company_name: 'Linked since the copy' });
    await sync(world, 'changes');
    const counterpartId = await world.engine.links('company-customer').reader.counterpart(0, since);
    await wipe(world);
    const fresh = await make(world, 'shop', 'customers', { company: 'New since the loss' });
    expect(await tandem(['links', 'import', file], env)).toMatchObject({ status: 0 });
    const customers = world.shop.store.table('customers').values().length;
    await sync(world, 'full');
    expect(await world.engine.links('company-customer').reader.counterpart(0, since)).toBe(counterpartId);
    expect(await world.engine.links('company-customer').reader.counterpart(1, fresh)).toBeDefined();
    expect(world.shop.store.table('customers').values()).toHaveLength(customers);
  }, 120_000);
});

describe('the commands', () => {
  it('refuse what they cannot use, and leave a former copy as it is', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'tandem-copy-'));
    const env = { REDIS_URL: redisUrl(), TANDEM_PREFIX: uniquePrefix() };
    try {
      const [file, other] = [join(folder, 'links.ndjson'), join(folder, 'other')];
      await writeFile(file, 'the former copy');
      await writeFile(other, 'id,other\n1,2\n');
      const ended = await Promise.all([
        tandem(['links', 'import', join(folder, 'nowhere')], env),
        tandem(['links', 'import', other], env),
        tandem(['links', 'export', 'nobody', '--out', file], env),
        tandem(['links', 'export', '--allow-empty', '--out', join(folder, 'nowhere', 'links.ndjson')], env),
        tandem(['links', 'export', '--out', file], env),
        tandem(['links', 'export'], env),
        tandem(['links', 'export', '--allow-empty'], env),
      ]);
      expect(ended.map(({ status }) => status)).toEqual([2, 2, 2, 2, 1, 1, 0]);
      expect(ended[0]!.stderr).toContain('nowhere cannot be read (ENOENT)');
      expect(ended[1]!.stderr).toContain('no copy of links');
      expect(ended[2]!.stderr).toContain('There is no mapping "nobody"');
      expect(ended[3]!.stderr).toContain('cannot be written (ENOENT)');
      // An empty copy would look like a backup.
      for (const empty of [ended[4]!, ended[5]!]) {
        expect(empty.stderr).toContain(`no links of these mappings under the prefix "${env.TANDEM_PREFIX}"`);
        expect(empty.stderr).toContain('--allow-empty');
        expect(empty.stdout).toBe('');
      }
      expect(ended[6]!.stdout.trim().split('\n')).toHaveLength(2);
      // What it says of Redis is for people.
      expect(ended[1]!.stderr).not.toMatch(/^\{/m);
      expect(await readFile(file, 'utf8')).toBe('the former copy');
    } finally {
      await rm(folder, { recursive: true });
    }
  }, 120_000);
});

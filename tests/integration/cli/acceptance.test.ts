/** `tandem qa --write` against a Tandem that runs: every row and rule is tried, a wrong one is found, and nothing is left behind. */
import { spawn } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { ARGUMENTS, cleanEnv, ROOT, tandem } from '../../unit/cli/spawn.ts';
import { closeAll, configFolder, later, ownPrefix, redisUrl, standIns, startTandem, until } from './support.ts';

afterEach(closeAll);

/** A Tandem that runs with these mappings and has read both sides. */
async function running(mappings: string[], edit: (folder: string) => Promise<void> = async () => {}) {
  // Opportunities need the stages of an account.
  const { keap, shop, env: systems } = await standIns({ empty: !mappings.includes('opportunity-order') });
  const folder = await configFolder(...mappings);
  // Each entry of a value table takes two rounds; the whole table of countries takes a minute.
  await mkdir(join(folder, 'mappings', 'values'));
  const countries = 'alpha3-alpha2:\n  DEU: DE\n  USA: US\n  NOR: "NO"\n';
  await writeFile(join(folder, 'mappings', 'values', 'countries.yaml'), countries);
  const reports = await mkdtemp(join(tmpdir(), 'tandem-qa-'));
  later(() => rm(reports, { recursive: true }));
  await edit(folder);
  const env = {
    ...systems,
    REDIS_URL: redisUrl(),
    TANDEM_PREFIX: ownPrefix(),
    TANDEM_PORT: '0',
    TANDEM_CONFIG: folder,
  };
  const started = await startTandem('start', env);
  const own = { ...env, TANDEM_URL: started.ready.url! };
  const synced = await tandem(['sync', '--full'], own);
  expect(synced.status, synced.stderr).toBe(0);
  const marked = async (): Promise<number> => {
    const key = { 'x-keap-api-key': keap.apiKey };
    const token = { authorization: `Bearer ${shop.token}` };
    const lists = await Promise.all([
      ...['companies', 'contacts', 'opportunities', 'products'].map((name) =>
        fetch(`${keap.url}/crm/rest/v2/${name}?page_size=1000`, { headers: key }),
      ),
      ...['customers', 'orders', 'products'].map((name) =>
        fetch(`${shop.url}/${name}?per_page=100&sort=-id`, { headers: token }),
      ),
    ]);
    const texts = await Promise.all(lists.map((list) => list.text()));
    return texts.join('').split('tandem-qa-').length - 1;
  };
  return { env: own, folder, reports, marked };
}

describe('qa --write', () => {
  it('tests every row and rule of the shipped flow, and leaves nothing behind', { timeout: 300_000 }, async () => {
    const { env, reports, marked } = await running([
      'company-customer',
      'contact-customer',
      'opportunity-order',
      'product-product',
    ]);
    const files = ['qa.html', 'qa.md', 'qa.xml'].map((name) => join(reports, name));
    const { status, stdout } = await tandem(['qa', '--write', ...files.flatMap((file) => ['--report', file])], env);
    expect(status, stdout).toBe(0);
    expect(stdout).toMatch(/\n30 rows: \d+ checks passed, 0 failed, \d+ not testable, in \d+ s\n/);
    expect(stdout).toContain(' 0 left behind');
    expect(await marked()).toBe(0);
    const [html, md, xml] = await Promise.all(files.map((file) => readFile(file, 'utf8')));
    expect(html).toContain('<h1>Acceptance test of the data flow</h1>');
    expect(md).toMatch(/\| Company Name \| Company \| string \| ✓ set, /);
    expect(md).toContain('✓ review, keap to customwebshop: match 1: two records match');
    // A reference is changed to a second linked record, and back.
    expect(xml).toMatch(
      /<testcase classname="opportunity-order" name="contact_id: changed, keap to customwebshop" time="[\d.]+"\/>/,
    );
    expect(xml).toMatch(
      /<testcase classname="opportunity-order" name="contact_id: changed, customwebshop to keap" time="[\d.]+"\/>/,
    );
    expect(xml).toMatch(/<testsuites name="tandem qa" tests="\d+" failures="0"/);
  });

  it('finds the row whose conversion is wrong, and no other', { timeout: 120_000 }, async () => {
    const { env, marked } = await running(['product-product'], async (folder) => {
      const file = join(folder, 'mappings', 'product-product.yaml');
      const text = await readFile(file, 'utf8');
      await writeFile(
        file,
        text.replace('customwebshop: weight\n    type: decimal', '$&\n    convert: { customwebshop: $ * 1000 }'),
      );
    });
    const { status, stdout } = await tandem(['qa', '--write', '--json', '--limit', '3'], env);
    expect(status).toBe(1);
    const { checks, left } = JSON.parse(stdout) as {
      checks: { property?: string; verdict: string }[];
      left: unknown[];
    };
    const failed = new Set(checks.filter(({ verdict }) => verdict === 'failed').map(({ property }) => property));
    expect([...failed]).toEqual(['weight']);
    expect(left).toEqual([]);
    expect(await marked()).toBe(0);
  });

  it('removes its test records after Ctrl-C, and at the next start those that a killed process left', {
    timeout: 120_000,
  }, async () => {
    const { env, marked } = await running(['contact-customer']);
    const begin = () => {
      const child = spawn(process.execPath, [...ARGUMENTS, 'qa', '--write'], {
        cwd: ROOT,
        env: cleanEnv(env),
        stdio: 'ignore',
      });
      const ended = new Promise<number | null>((resolve) => child.on('exit', (status) => resolve(status)));
      return { child, ended };
    };
    const stopped = begin();
    await until(async () => (await marked()) > 1);
    stopped.child.kill('SIGINT');
    expect(await stopped.ended).toBe(130);
    expect(await marked()).toBe(0);

    const killed = begin();
    await until(async () => (await marked()) > 1);
    killed.child.kill('SIGKILL');
    await killed.ended;
    expect(await marked()).toBeGreaterThan(0);
    const next = await tandem(['qa', '--write'], env);
    expect(next.status, next.stdout).toBe(0);
    expect(next.stderr).toContain('Removing what an earlier test left (tandem-qa-');
    expect(await marked()).toBe(0);
  });

  it('asks for --yes where a system does not run on this machine', async () => {
    const folder = await configFolder('product-product');
    const { env } = await standIns();
    const { status, stderr } = await tandem(['qa', '--write'], {
      ...env,
      TANDEM_CONFIG: folder,
      SHOP_BASE_URL: 'https://shop.example',
    });
    expect(status).toBe(2);
    expect(stderr).toContain(
      'BAD_REQUEST: --write makes, changes and deletes records of its own in shop.example. Nothing was done.\nSay so: --yes',
    );
  });
});

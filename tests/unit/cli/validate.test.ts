// `tandem validate` tells every problem with its place, and its exit status tells whether there is one.
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ROOT, SECRETS, tandem } from './spawn.ts';

let folder: string;
let broken: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tandem-cli-'));
  broken = join(folder, 'broken');
  for (const part of ['mappings', 'systems', 'schemas'])
    await cp(join(ROOT, part), join(broken, part), { recursive: true });
  const file = join(broken, 'mappings', 'product-product.yaml');
  await writeFile(
    file,
    (await readFile(file, 'utf8')).replace('keap: sku', 'keap: skuu').replace('conflict: latest', 'conflikt: latest'),
  );
});

afterAll(() => rm(folder, { recursive: true, force: true }));

describe('validate', () => {
  it('says that all is good', async () => {
    const { status, stdout, stderr } = await tandem(['validate'], SECRETS);
    expect({ status, stdout, stderr }).toEqual({ status: 0, stdout: '4 mappings, 2 systems: all good\n', stderr: '' });
  });

  it('takes a missing variable for a problem, unless told to put placeholders in', async () => {
    const without = await tandem(['validate']);
    expect(without.status).toBe(2);
    expect(without.stdout).toMatch(/systems\/keap\.yaml:\d+:\d+ CONFIG_ENV auth\.value: .*KEAP_API_KEY/);
    const placeholders = await tandem(['validate', '--no-env']);
    expect(placeholders).toMatchObject({ status: 0, stdout: '4 mappings, 2 systems: all good\n' });
  });

  it('tells file, line, column, code and place of each problem', async () => {
    const { status, stdout } = await tandem(['validate', '--no-env'], { TANDEM_CONFIG: broken });
    expect(status).toBe(2);
    expect(stdout).toMatch(/mappings\/product-product\.yaml:\d+:\d+ CONFIG_\w+ conflikt: .*conflict/);
  });

  it('prints JSON', async () => {
    const { status, stdout } = await tandem(['validate', '--no-env', '--json'], { TANDEM_CONFIG: broken });
    expect(status).toBe(2);
    const answer = JSON.parse(stdout) as { valid: boolean; problems: { file: string; line: number }[] };
    expect(answer.valid).toBe(false);
    expect(answer.problems[0]).toMatchObject({
      file: expect.stringContaining('product-product.yaml'),
      line: expect.any(Number),
    });
  });

  it('checks only the files named, also one that stands elsewhere', async () => {
    const good = await tandem(['validate', '--no-env', join(broken, 'mappings', 'company-customer.yaml')], {
      TANDEM_CONFIG: broken,
    });
    expect(good).toMatchObject({ status: 0, stdout: '1 file: all good\n' });
    const draft = join(folder, 'draft.yaml');
    await writeFile(
      draft,
      'mapping: draft\nbetween:\n  keap: companies\n  customwebshop: custommers\nproperties:\n  - keap: company_name\n    customwebshop: company\n    type: string\n',
    );
    const bad = await tandem(['validate', '--no-env', draft]);
    expect(bad.status).toBe(2);
    expect(bad.stdout).toContain(`${draft}:4:`);
    expect(bad.stdout).toContain('customers');
  });

  it('refuses a folder without mappings and a file that is not there', async () => {
    const empty = await tandem(['validate'], { TANDEM_CONFIG: folder });
    expect(empty.status).toBe(2);
    expect(empty.stderr).toMatch(/^UNUSABLE: .*mappings\/\.\nSet TANDEM_CONFIG/);
    const absent = await tandem(['validate', '--no-env', 'nowhere.yaml']);
    expect(absent.status).toBe(2);
    expect(absent.stderr).toContain('nowhere.yaml');
  });
});

// `tandem validate` tells every problem with its place, and its exit status tells whether there is one.
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readRecordsFile } from '../../../cli/sampling.ts';
import { loadReal } from '../config/real.ts';
import { tandem } from './in-process.ts';
import { ROOT, SECRETS } from './spawn.ts';

let folder: string;
let broken: string;
/** Its notes become capitals in the shop. */
let shouting: string;

const NOT_CHECKED =
  'Whether these lose anything on their way there and back was not tried: opportunity-order contact_id (only the systems and the links can tell what it becomes: tandem validate --live asks them).\n';
const GOOD = `${NOT_CHECKED}4 mappings, 2 systems: all good\n`;

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
  shouting = join(folder, 'shouting.yaml');
  const companies = await readFile(join(ROOT, 'mappings', 'company-customer.yaml'), 'utf8');
  await writeFile(
    shouting,
    companies.replace('customwebshop: note\n', 'customwebshop: note\n    convert: { customwebshop: $uppercase($) }\n'),
  );
});

afterAll(() => rm(folder, { recursive: true, force: true }));

describe('validate', () => {
  it('says that all is good', async () => {
    const { status, stdout, stderr } = await tandem(['validate'], SECRETS);
    expect({ status, stdout, stderr }).toEqual({
      status: 0,
      stdout: GOOD,
      stderr: `Configuration: ${resolve(ROOT)}\n`,
    });
  });

  it('takes a missing variable for a problem, unless asked to put placeholders in', async () => {
    const without = await tandem(['validate']);
    expect(without.status).toBe(2);
    expect(without.stdout).toMatch(/systems\/keap\.yaml:\d+:\d+ CONFIG_ENV auth\.value: .*KEAP_API_KEY/);
    const placeholders = await tandem(['validate', '--no-env']);
    expect(placeholders).toMatchObject({ status: 0, stdout: GOOD });
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

  it('warns of what a conversion loses, once per property, with an example, what it means and what to do', async () => {
    const meant = join(folder, 'meant.yaml');
    await writeFile(
      meant,
      (await readFile(shouting, 'utf8')).replace('$uppercase($) }', '$uppercase($) }\n    lossy: true'),
    );
    const [{ status, stdout, stderr }, strict, strictly] = await Promise.all([
      tandem(['validate', '--no-env', shouting]),
      tandem(['validate', '--no-env', '--strict', shouting]),
      tandem(['validate', '--no-env', '--strict', meant]),
    ]);
    expect(status).toBe(0);
    const [warning, also, meaning, remedy, ...rest] = stdout.trimEnd().split('\n');
    expect(warning).toMatch(
      /shouting\.yaml:\d+:5 LOSSY notes: "[^"]+" in keap -> "[^"a-z]+" in customwebshop -> "[^"a-z]+" in keap \(\d of \d records\)$/,
    );
    expect(also).toMatch(/^ {2}also ".*\)$/);
    expect(meaning).toMatch(/^ {2}[A-Z].*\.$/);
    expect(remedy).toMatch(/^ {2}[A-Z].*"direction: customwebshop".*\.$/);
    expect(rest).toEqual(['1 file: valid, with warnings']);
    expect(stderr).toContain('2 warnings');
    expect(strict).toMatchObject({ status: 1, stdout });
    expect(strictly).toMatchObject({ status: 0, stdout: '1 file: all good\n' });
  });

  it('prints its warnings as JSON', async () => {
    const { status, stdout } = await tandem(['validate', '--no-env', '--json', '--strict', shouting]);
    expect(status).toBe(1);
    expect(JSON.parse(stdout)).toMatchObject({
      valid: true,
      problems: [],
      warnings: [
        {
          kind: 'lossy',
          roundTrip: 'there-and-back',
          file: shouting,
          property: 'notes',
          from: 'keap',
          to: 'customwebshop',
          records: { found: expect.any(Number), of: expect.any(Number) },
          example: { origin: 'record', value: expect.any(String), there: expect.any(String), back: expect.any(String) },
        },
        { kind: 'lossy', property: 'notes', from: 'customwebshop' },
      ],
      intended: [{ property: 'phone_number.number', intended: true }],
      notChecked: [],
    });
  });

  it('tries records of a file, as the system answers them', async () => {
    const records = join(folder, 'records.json');
    const product = { id: 7, name: 'Nail', price: { amount: 29, currency_code: 'USD' }, short_description: 's' };
    const company = { company_name: 'Acme', address: { country_code: 'XXX' } };
    await writeFile(records, JSON.stringify({ 'keap.products': [product], 'keap.companies': [company] }));
    const { status, stdout } = await tandem(['validate', '--no-env', '--strict', '--json', '--records', records]);
    expect(status).toBe(1);
    expect(JSON.parse(stdout).warnings).toMatchObject([
      {
        kind: 'refused',
        property: 'address.country_code',
        code: 'VALUE_NOT_IN_TABLE',
        records: { found: 1, of: 1 },
        example: { value: 'XXX' },
      },
    ]);
  });

  it.each([
    ['{', 'is no JSON'],
    ['[]', 'holds no object'],
    ['{"keap.people":[]}', 'there are customwebshop.customers'],
    ['{"keap.products":{}}', 'holds no list of records under "keap.products"'],
    ['{"keap.products":[3]}', 'record 1 of keap.products cannot be used'],
  ])('refuses a file of records that holds %s', async (content, words) => {
    const file = join(folder, 'wrong.json');
    await writeFile(file, content);
    const { config } = await loadReal();
    await expect(readRecordsFile(file, config)).rejects.toMatchObject({
      code: 'BAD_REQUEST',
      status: 2,
      message: expect.stringContaining(words),
    });
  });

  it('counts apart what only follows from faults of other files', async () => {
    const { status, stderr } = await tandem(['validate']);
    expect(status).toBe(2);
    expect(stderr).toContain(`4 problems in ${ROOT}, and 8 that only follow from faults of other files\n`);
    expect(stderr).toContain('To check the files without the secrets: tandem validate --no-env');
  });

  it('refuses to go live without Redis, without the secrets, or with a file of records', async () => {
    const [noRedis, noSecrets, both] = await Promise.all([
      tandem(['validate', '--live'], SECRETS),
      tandem(['validate', '--live', '--no-env']),
      tandem(['validate', '--live', '--records', 'x.json']),
    ]);
    expect(noRedis).toMatchObject({ status: 2, stderr: expect.stringContaining('REDIS_URL is not set') });
    expect(noSecrets).toMatchObject({
      status: 2,
      stderr: expect.stringContaining("cannot be used with option '--no-env'"),
    });
    expect(both.status).toBe(2);
  });

  it('refuses a folder without mappings and a file that is not there', async () => {
    const empty = await tandem(['validate'], { TANDEM_CONFIG: folder });
    expect(empty.status).toBe(2);
    expect(empty.stderr).toMatch(/^STARTUP_REFUSED: .*mappings\/\.\nSet TANDEM_CONFIG/);
    expect(empty.stderr).toContain(folder);
    const absent = await tandem(['validate', '--no-env', 'nowhere.yaml']);
    expect(absent.status).toBe(2);
    expect(absent.stderr).toContain('nowhere.yaml');
  });
});

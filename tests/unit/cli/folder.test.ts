/** Which files a command uses: those of one folder, which it names, and never others in their place. */
import { cp, mkdir, mkdtemp, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { tandem } from './in-process.ts';
import { ROOT, SECRETS, tandem as tandemProcess } from './spawn.ts';

let bare: string;
let empty: string;
let own: string;

beforeAll(async () => {
  const folder = await realpath(await mkdtemp(join(tmpdir(), 'tandem-folder-')));
  [bare, empty, own] = [join(folder, 'bare'), join(folder, 'empty'), join(folder, 'own')];
  await mkdir(bare);
  await mkdir(join(empty, 'mappings'), { recursive: true });
  for (const part of ['mappings', 'systems', 'schemas'])
    await cp(join(ROOT, part), join(own, part), { recursive: true });
  await writeFile(join(own, '.env'), 'KEAP_LIMIT_DAY=many\nSHOP_BASE_URL=no-address\n');
});
afterAll(() => rm(join(bare, '..'), { recursive: true, force: true }));

describe('in a folder without mappings', () => {
  it.each(['validate', 'doc', 'start'])(
    '%s says where it looked and how to begin, and takes no other files',
    async (command) => {
      const run = command === 'start' ? tandemProcess : tandem;
      const { status, stdout, stderr } = await run(
        [command],
        { TANDEM_PORT: '0', REDIS_URL: 'redis://127.0.0.1:1', ...SECRETS },
        bare,
      );
      expect(status).toBe(2);
      expect(stderr).toContain(`STARTUP_REFUSED: ${bare} holds no folder mappings/.`);
      expect(stderr).toContain(`cp -r ${join(ROOT, 'mappings')}`);
      expect(stdout).not.toContain('company-customer');
    },
  );
});

describe('a folder with no mapping in it', () => {
  it('is valid with a warning, and fails with --strict', async () => {
    const [plain, strict] = await Promise.all([
      tandem(['validate'], {}, empty),
      tandem(['validate', '--strict', '--json'], {}, empty),
    ]);
    expect(plain).toMatchObject({ status: 0, stdout: '0 mappings, 0 systems: valid, with warnings\n' });
    expect(plain.stderr).toContain(`Configuration: ${empty}\nThere is no mapping, so nothing would be synchronized.`);
    expect(strict.status).toBe(1);
    expect(JSON.parse(strict.stdout)).toMatchObject({
      folder: empty,
      mappings: [],
      notes: [expect.stringMatching(/no mapping/)],
    });
  });
});

it('a .env file of the working folder is loaded and logged, and sets what is not set', async () => {
  const { stdout, stderr, status } = await tandem(['validate'], SECRETS, own);
  expect(stderr).toContain(`Variables: ${join(own, '.env')}\nConfiguration: ${own}\n`);
  expect(status).toBe(2);
  // What the file sets is used; what is set already stays, or this would be a fault of an address too.
  expect(stdout).toMatch(
    /^systems\/keap\.yaml:\d+:\d+ CONFIG_SCHEMA limits\[2\]\.requests: Must be a whole number\.$/m,
  );
  expect(stdout.match(/CONFIG_SCHEMA/g)).toHaveLength(1);
});

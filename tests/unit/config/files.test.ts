/** What stands where a file of the configuration is expected and is none: a problem of its own, and nothing else stops. */
import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, rm, symlink, truncate, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { type ConfigStore, createConfigStore } from '../../../engine/config/config-store.ts';
import { ENV, files, MAPPING } from './fixture.ts';

const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

const FILE = 'mappings/people-customers.yaml';
const CHANGED = MAPPING.replace('create: [shop]', 'create: []');

const KINDS: Record<string, { reason: RegExp; make: (path: string) => unknown }> = {
  'a pipe': { reason: /^It is a pipe, not a file\.$/, make: (path) => execFileSync('mkfifo', [path]) },
  'a link to itself': { reason: /^It is a link that leads back to itself\.$/, make: (path) => symlink(path, path) },
  'an endless device': { reason: /^It is a device, not a file\.$/, make: (path) => symlink('/dev/zero', path) },
  'a terminal': { reason: /^It is a device, not a file\.$/, make: (path) => symlink('/dev/tty', path) },
  'a folder': { reason: /^It is a folder, not a file\.$/, make: (path) => mkdir(path) },
  'a link to a folder': { reason: /^It is a folder, not a file\.$/, make: (path) => symlink('/', path) },
  'a socket': {
    reason: /^It is a socket, not a file\.$/,
    make: async (path) => {
      const server = createServer();
      await new Promise<void>((resolve) => server.listen(path, resolve));
      closing.push(() => server.close());
    },
  },
  'a file of 100 MB': {
    reason: /^The file is larger than 1024 KiB\.$/,
    make: async (path) => {
      await writeFile(path, '');
      await truncate(path, 100 * 1024 * 1024);
    },
  },
};
/** One place of each kind of file, by a name that nothing else refers to. */
const PLACES = [
  'mappings/x.yaml',
  'mappings/values/x.yaml',
  'systems/x.yaml',
  'schemas/crm/x.schema.json',
  'schemas/x.schema.json',
];

async function folder(): Promise<string> {
  const root = await mkdtemp(join(tmpdir(), 'tandem-files-'));
  closing.push(() => rm(root, { recursive: true, force: true }));
  for (const [file, text] of files()) {
    await mkdir(dirname(join(root, file)), { recursive: true });
    await writeFile(join(root, file), text);
  }
  await mkdir(join(root, 'mappings/values'), { recursive: true });
  return root;
}

async function opened(root: string, watch = true): Promise<ConfigStore> {
  const store = await createConfigStore({ root, env: ENV, watch, debounce: 20, poll: 200 });
  closing.push(() => store.close());
  return store;
}

const edited = (store: ConfigStore) => store.current().mappings.get('people-customers')?.sides[1].create === undefined;

test.each(Object.entries(KINDS))(
  '%s in place of a file is a problem of that file only',
  async (_, { reason, make }) => {
    const root = await folder();
    const store = await opened(root);
    const before = store.current();
    for (const place of PLACES) await make(join(root, place));
    await expect
      .poll(() =>
        store
          .problems()
          .map(({ file }) => file)
          .sort(),
      )
      .toEqual([...PLACES].sort());
    for (const { code, message } of store.problems())
      expect({ code, message }).toEqual({ code: 'CONFIG_FILE', message: expect.stringMatching(reason) });
    expect(store.current()).toBe(before);
    // A later edit is taken, and so is the end of the trouble.
    await writeFile(join(root, FILE), CHANGED);
    await expect.poll(() => edited(store)).toBe(true);
    for (const place of PLACES) await rm(join(root, place), { recursive: true });
    await expect.poll(() => store.problems()).toEqual([]);
    // Also where it stands there from the beginning.
    for (const place of PLACES) await make(join(root, place));
    const second = await opened(root, false);
    expect(second.problems()).toHaveLength(PLACES.length);
    expect(edited(second)).toBe(true);
  },
);

test('a mapping that turns into a pipe runs on as it was', async () => {
  const root = await folder();
  const store = await opened(root);
  await rm(join(root, FILE));
  execFileSync('mkfifo', [join(root, FILE)]);
  await expect.poll(() => store.problems()).toMatchObject([{ file: FILE, message: 'It is a pipe, not a file.' }]);
  expect(store.current().mappings.has('people-customers')).toBe(true);
});

test('a file that changes all the time keeps no edit of another file waiting', async () => {
  const root = await folder();
  const store = await opened(root);
  // What it holds differs each time that it is read; nothing announces it.
  await symlink('/proc/uptime', join(root, 'mappings/x.yaml'));
  await expect.poll(() => store.problems()).toMatchObject([{ file: 'mappings/x.yaml' }]);
  await writeFile(join(root, FILE), CHANGED);
  await expect.poll(() => edited(store)).toBe(true);
});

test.each([
  ['that leads to the whole disk', '/', /holds more than 2000 files/],
  ['that is a pipe', undefined, /^It is no folder\.$/],
])('a folder of schemas %s is a problem of that folder', async (_, target, reason) => {
  const root = await folder();
  const path = join(root, target ? 'schemas/x' : 'mappings/values');
  if (target) await symlink(target, path);
  else {
    await rm(path, { recursive: true });
    execFileSync('mkfifo', [path]);
  }
  const store = await opened(root);
  expect(store.problems().length).toBeGreaterThan(0);
  for (const { file, message } of store.problems()) {
    expect(file).toMatch(target ? /^schemas\/x/ : /^mappings\/values$/);
    expect(message).toMatch(reason);
  }
  expect(store.current().mappings.has('people-customers')).toBe(true);
  await writeFile(join(root, FILE), CHANGED);
  await expect.poll(() => edited(store)).toBe(true);
});

test('mappings that cannot be read at all run on as they were', async () => {
  const root = await folder();
  const store = await opened(root);
  await rm(join(root, 'mappings'), { recursive: true });
  await symlink(join(root, 'mappings'), join(root, 'mappings'));
  await store.reload();
  expect(store.problems()).toMatchObject([
    { code: 'STARTUP_REFUSED', message: expect.stringContaining('leads back to itself') },
  ]);
  expect(store.current().mappings.has('people-customers')).toBe(true);
});

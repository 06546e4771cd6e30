/** Reloading: edits take effect, bad edits do not, and the last good version runs on. */
import { mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { type ConfigChange, type ConfigStore, createConfigStore } from '../../../engine/config/config-store.ts';
import { formatProblem } from '../../../engine/config/format.ts';
import { loadMappingText } from '../../../engine/config/load.ts';
import { ENV, edited, files, MAPPING } from './fixture.ts';

const FILE = 'mappings/people-customers.yaml';
const opened: { store: ConfigStore; root: string }[] = [];

async function open(
  edits: Record<string, string> = {},
  watch = false,
  debounce = 30,
): Promise<{ store: ConfigStore; root: string; put: (file: string, text: string) => Promise<void> }> {
  const root = await mkdtemp(join(tmpdir(), 'tandem-config-'));
  const put = async (file: string, text: string): Promise<void> => {
    await mkdir(dirname(join(root, file)), { recursive: true });
    await writeFile(join(root, file), text);
  };
  for (const [file, text] of files(edits)) await put(file, text);
  const store = await createConfigStore({ root, env: { ...ENV, NOT_NAMED: 'a secret' }, watch, debounce, poll: 500 });
  opened.push({ store, root });
  return { store, root, put };
}

afterEach(async () => {
  for (const { store, root } of opened.splice(0)) {
    await store.close();
    await rm(root, { recursive: true, force: true });
  }
});

const next = (store: ConfigStore, wanted: (change: ConfigChange) => boolean = () => true): Promise<ConfigChange> =>
  new Promise((resolve) => {
    const end = store.on((change) => {
      if (!wanted(change)) return;
      end();
      resolve(change);
    });
  });
/** A draft, against what runs. */
const checked = (store: ConfigStore, text: string): ReturnType<typeof loadMappingText> => {
  const { files: texts, env } = store.sources();
  return loadMappingText(text, 'mappings/draft.yaml', texts, env);
};
const broken = MAPPING.replace('address.street', 'address.stret');
const second = MAPPING.replace('mapping: people-customers', 'mapping: second');

describe('an edit', () => {
  it('takes effect, and names what has changed', async () => {
    const { store, put } = await open();
    const before = store.current().version;
    const changes: ConfigChange[] = [];
    store.on((change) => changes.push(change));
    await put(FILE, MAPPING.replace('create: [shop]', 'create: []'));
    await store.reload();
    expect(changes.map((change) => change.changed)).toEqual([['people-customers']]);
    expect(store.current().version).not.toBe(before);
    expect(store.current().mappings.get('people-customers')!.sides[1].create).toBeUndefined();
  });

  it('is read after a listener threw at the edit before', async () => {
    const { store, put } = await open();
    let calls = 0;
    store.on(() => {
      calls++;
      if (calls === 1) throw new Error('A fault of the listener.');
    });
    await put(FILE, MAPPING.replace('create: [shop]', 'create: []'));
    await expect(store.reload()).rejects.toThrow('A fault of the listener.');
    expect(store.problems()).toEqual([]);
    await put(FILE, MAPPING.replace('create: [shop]', 'create: { shop: always }'));
    await store.reload();
    expect(calls).toBe(2);
    expect(store.current().mappings.get('people-customers')!.sides[1].create).toBe('always');
    await store.reload();
  });

  it('that changes nothing is not reported', async () => {
    const { store, put } = await open();
    const { config, reported } = { config: store.current(), reported: [] as ConfigChange[] };
    store.on((change) => reported.push(change));
    await put(FILE, MAPPING);
    await store.reload();
    expect(reported).toEqual([]);
    expect(store.current()).toBe(config);
  });

  it('that is only half written is ignored, even if the half is valid', async () => {
    const { store, put } = await open({}, false, 1_000);
    const changes: ConfigChange[] = [];
    store.on((change) => changes.push(change));
    const half = MAPPING.slice(0, MAPPING.lastIndexOf('\n  - '));
    expect(checked(store, half).problems).toEqual([]);
    await put(FILE, half);
    const reloaded = store.reload();
    await put(FILE, MAPPING);
    await reloaded;
    expect(changes).toEqual([]);
    expect(store.current().mappings.size).toBe(1);
  });

  it('that is bad leaves the last good version running, and is reported until it is fixed', async () => {
    const { store, put } = await open();
    const good = store.current();
    await put(FILE, broken);
    await store.reload();
    expect(store.current()).toBe(good);
    expect(store.problems().map(formatProblem)).toEqual([expect.stringContaining(`${FILE}:16:10 CONFIG_PATH`)]);
    // Another file goes on being reloaded meanwhile.
    await put('mappings/second.yaml', second);
    await store.reload();
    expect([...store.current().mappings.keys()]).toEqual(['people-customers', 'second']);
    expect(store.problems()).toHaveLength(1);
    await put(FILE, MAPPING);
    await store.reload();
    expect(store.problems()).toEqual([]);
  });

  it('of a system compiles its mappings again', async () => {
    const { store, put } = await open();
    await put(
      'systems/shop.yaml',
      edited('systems/shop.yaml', ['https://shop.example', 'https://new.example'])['systems/shop.yaml']!,
    );
    const change = next(store);
    await store.reload();
    expect((await change).changed).toEqual(['people-customers']);
    expect(store.current().mappings.get('people-customers')!.sides[1].system.baseUrl).toBe('https://new.example');
  });

  it('of a system that is bad leaves system and mappings running', async () => {
    const { store, put } = await open();
    const good = store.current();
    await put('systems/shop.yaml', 'system: shop\nbaseUrl: [');
    await store.reload();
    expect(store.current()).toBe(good);
    expect(store.problems().map((problem) => problem.file)).toEqual(['systems/shop.yaml']);
  });

  it('of a system that is sound in itself but breaks a mapping waits', async () => {
    const { store, put } = await open();
    const good = store.current();
    await put(
      'systems/shop.yaml',
      edited('systems/shop.yaml', ['    create: { path: /customers }\n', ''])['systems/shop.yaml']!,
    );
    await store.reload();
    expect(store.current()).toBe(good);
    expect(store.problems().map(formatProblem)).toEqual([
      expect.stringContaining(`${FILE}:9:10 CONFIG_OPERATION create[0]`),
    ]);
    // With the mapping adapted, both take effect.
    await put(FILE, MAPPING.replace('create: [shop]', 'create: []'));
    await store.reload();
    expect(store.problems()).toEqual([]);
    expect(store.current().systems.get('shop')!.entities.customers!.create).toBeUndefined();
  });

  it('of an entity schema that breaks a mapping waits', async () => {
    const { store, put } = await open();
    const good = store.current();
    await put(
      'schemas/shop/customers.schema.json',
      edited('schemas/shop/customers.schema.json', ['"street"', '"road"'])['schemas/shop/customers.schema.json']!,
    );
    await store.reload();
    expect(store.current()).toBe(good);
    expect(store.problems().map(formatProblem)).toEqual([expect.stringContaining('CONFIG_PATH properties[2].shop')]);
  });
});

describe('a file that goes', () => {
  it('takes its mapping with it', async () => {
    const { store, root } = await open({ 'mappings/second.yaml': second });
    await rm(join(root, 'mappings/second.yaml'));
    const change = next(store);
    await store.reload();
    expect((await change).changed).toEqual(['second']);
    expect([...store.current().mappings.keys()]).toEqual(['people-customers']);
    expect(store.problems()).toEqual([]);
  });

  it('leaves its mapping running while another mapping needs it', async () => {
    const refers =
      'mapping: refers\nbetween: { crm: people, shop: customers }\nproperties:\n  - { crm: boss_id, shop: parent_id, reference: people-customers }\n';
    const { store, root } = await open({ 'mappings/refers.yaml': refers });
    await rm(join(root, FILE));
    await store.reload();
    expect([...store.current().mappings.keys()].sort()).toEqual(['people-customers', 'refers']);
    expect(store.problems().map(formatProblem)).toEqual([
      expect.stringContaining('mappings/refers.yaml:4:49 CONFIG_REFERENCE'),
    ]);
    await rm(join(root, 'mappings/refers.yaml'));
    await store.reload();
    expect(store.current().mappings.size).toBe(0);
    expect(store.problems()).toEqual([]);
  });

  it('of a system keeps running while a mapping needs it', async () => {
    const { store, root } = await open();
    const good = store.current();
    await rm(join(root, 'systems/shop.yaml'));
    await store.reload();
    expect(store.current()).toBe(good);
    expect(store.problems().map(formatProblem)).toEqual([expect.stringContaining('There is no system "shop"')]);
  });
});

describe('the first load', () => {
  it('runs what is good and tells what is not', async () => {
    const { store } = await open({ 'mappings/second.yaml': second, [FILE]: broken });
    expect([...store.current().mappings.keys()]).toEqual(['second']);
    expect(store.problems()).toHaveLength(1);
  });

  it('checks a draft against what runs', async () => {
    const { store } = await open();
    expect(checked(store, broken).problems.map(formatProblem)).toEqual([
      expect.stringContaining('mappings/draft.yaml:16:10 CONFIG_PATH'),
    ]);
    expect(checked(store, MAPPING).mapping!.name).toBe('people-customers');
    expect(store.current().mappings.size).toBe(1);
  });
});

describe('what runs, as it is compiled', () => {
  it('has new texts after each valid edit, and holds only the environment variables that they name', async () => {
    const { store, put } = await open();
    const before = store.sources();
    expect(before.files.get(FILE)).toBe(MAPPING);
    expect(store.sources().files).toBe(before.files);
    await put(FILE, MAPPING.replace('people-customers', 'others'));
    await store.reload();
    expect(store.sources().files).not.toBe(before.files);
    expect(before.env).toEqual(ENV);
    await put(FILE, broken);
    await store.reload();
    expect(store.sources().files.get(FILE)).toContain('others');
  });
});

describe('watching', () => {
  it('sees edits, new files, atomic replacement and removal', async () => {
    const { store, root, put } = await open({}, true);
    let change = next(store);
    await put(FILE, broken);
    expect((await change).problems).toHaveLength(1);

    // As editors save: a new file is moved over the old one.
    change = next(store, ({ problems }) => problems.length === 0);
    await put('mappings/.people.yaml.tmp', MAPPING.replace('create: [shop]', 'create: []'));
    await rename(join(root, 'mappings/.people.yaml.tmp'), join(root, FILE));
    expect((await change).changed).toEqual(['people-customers']);

    change = next(store, ({ config }) => config.mappings.size === 2);
    await put('mappings/second.yaml', second);
    expect((await change).changed).toEqual(['second']);

    change = next(store, ({ config }) => config.mappings.size === 1);
    await rm(join(root, 'mappings/second.yaml'));
    expect((await change).changed).toEqual(['second']);
  });

  it('sees many files at once as one change', async () => {
    const { store, root, put } = await open({}, true);
    const changes: ConfigChange[] = [];
    store.on((one) => changes.push(one));
    const change = next(store, ({ config }) => config.mappings.size === 2);
    // As a checkout does it: folders go and come back.
    await rename(join(root, 'mappings'), join(root, 'away'));
    await put(FILE, MAPPING);
    await put('mappings/second.yaml', second);
    await change;
    expect([...store.current().mappings.keys()]).toEqual(['people-customers', 'second']);
    expect(store.problems()).toEqual([]);
  });

  it('ends with close', async () => {
    const { store, put } = await open({}, true);
    const changes: ConfigChange[] = [];
    store.on((one) => changes.push(one));
    await store.close();
    await put(FILE, broken);
    await store.reload();
    expect(changes).toEqual([]);
  });
});

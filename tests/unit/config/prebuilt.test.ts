/** The build holds generated validators, which the sources compile at run time: both must find the same in files of all kinds. */
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import fc from 'fast-check';
import { load } from 'js-yaml';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { NEWEST } from '../../../engine/config/ajv.ts';
import { shortHash } from '../../../engine/config/hash.ts';
import { isObject } from '../../../engine/json.ts';
import { tandem } from '../cli/in-process.ts';
import { ARGUMENTS, ROOT, tandem as tandemProcess } from '../cli/spawn.ts';

/** JSON is YAML, so all are written as JSON. @param named where a file says its own name */
const KINDS = [
  { from: 'mappings/opportunity-order.yaml', to: (n: number) => `mappings/m${n}.yaml`, named: 'mapping' },
  { from: 'systems/keap.yaml', to: (n: number) => `systems/s${n}.yaml`, named: 'system' },
  { from: 'systems/customwebshop.yaml', to: (n: number) => `systems/t${n}.yaml`, named: 'system' },
  { from: 'schemas/keap/products.schema.json', to: (n: number) => `schemas/keap/e${n}.schema.json`, named: '$id' },
];
/** Files of each kind. */
const FILES = 40;

/** Other values than a file should have, and one that says: this is left out. */
const LEFT_OUT = Symbol('left out');
const VALUES = [
  LEFT_OUT,
  null,
  true,
  -1,
  7,
  1.5,
  '',
  'x',
  '3m',
  '9000d',
  '(?=x)',
  [],
  ['x', 'x'],
  [{}],
  {},
  { kind: 'x' },
];

/** @param at which of all values in it, counted through, becomes the other one */
function changed(value: unknown, at: { left: number }, other: unknown): unknown {
  if (at.left-- === 0) return other;
  if (Array.isArray(value)) return value.map((item) => changed(item, at, other)).filter((item) => item !== LEFT_OUT);
  if (!isObject(value)) return value;
  const entries = Object.entries(value).map(([key, item]) => [key, changed(item, at, other)] as const);
  return Object.fromEntries(entries.filter(([, item]) => item !== LEFT_OUT));
}

const count = (value: unknown): number =>
  1 +
  (typeof value === 'object' && value !== null
    ? Object.values(value).reduce((n: number, one) => n + count(one), 0)
    : 0);

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tandem-prebuilt-'));
  for (const { from, to, named } of KINDS) {
    const file = load(await readFile(join(ROOT, from), 'utf8')) as Record<string, unknown>;
    const size = count(file);
    const changes = fc.sample(fc.tuple(fc.integer({ min: 1, max: size - 1 }), fc.constantFrom(...VALUES)), {
      numRuns: FILES,
      seed: size,
    });
    for (const [n, [at, other]] of changes.entries()) {
      const path = join(folder, to(n));
      await mkdir(dirname(path), { recursive: true });
      const text = changed({ ...file, [named]: n === 0 ? '' : `n${n}` }, { left: at }, other);
      await writeFile(path, JSON.stringify(text, null, 1));
    }
  }
});
afterAll(() => rm(folder, { recursive: true, force: true }));

it('the build holds the validators of both formats and of the newest draft, by the keys that the engine asks for', async () => {
  const cli = dirname(ARGUMENTS.at(-1)!);
  const files = (await readdir(cli)).filter((name) => name.endsWith('.js'));
  const texts = await Promise.all(files.map((name) => readFile(join(cli, name), 'utf8')));
  const list = texts.map((text) => /PREBUILT = .*new Map\(\[\[(.*?)\]\]\)/.exec(text)?.[1]).find((one) => one) ?? '';
  const formats = await Promise.all(
    ['mapping', 'system'].map((name) => readFile(join(ROOT, 'schemas', `${name}.schema.json`), 'utf8')),
  );
  const keys = [NEWEST, ...formats.map((text) => shortHash(JSON.stringify(JSON.parse(text))))];
  expect([...list.matchAll(/"([^"]+)", \(\) => require/g)].map(([, key]) => key)).toEqual(keys);
});

it('the build finds the same faults as the sources, in words and places', async () => {
  const [args, env] = [['validate', '--no-env', '--json'], { TANDEM_CONFIG: folder }];
  const [built, fromSources] = [await tandemProcess(args, env), await tandem(args, env)];
  expect(built).toEqual(fromSources);
  const { problems } = JSON.parse(built.stdout) as { problems: { file: string; code: string }[] };
  for (const kind of ['mappings/', 'systems/', 'schemas/'])
    expect(problems.filter(({ file, code }) => file.includes(kind) && code === 'CONFIG_SCHEMA').length).toBeGreaterThan(
      10,
    );
});

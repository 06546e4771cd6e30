/** docs/architecture.md leads through the code: each file that it names is there, in the order of one change. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename, dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const FILE = 'docs/architecture.md';
const page = readFileSync(join(ROOT, FILE), 'utf8');
const named = [...page.matchAll(/`((?:engine|server|cli)\/[\w./-]+)`/g)].map(([, path]) => path!);

it('the page about the architecture names files that there are', () => {
  expect(named.length).toBeGreaterThan(30);
  expect(named.filter((path) => !existsSync(join(ROOT, path)))).toEqual([]);
});

it('the page about the architecture links to pages that there are, and README.md to it', () => {
  const links = [...page.matchAll(/\]\(([^)#]+)[^)]*\)/g)].map(([, to]) => to!);
  expect(links.filter((to) => !existsSync(join(ROOT, dirname(FILE), to)))).toEqual([]);
  expect(readFileSync(join(ROOT, 'README.md'), 'utf8')).toContain(FILE);
});

it('the page about the architecture has at most 120 lines', () => {
  expect(page.split('\n').length).toBeLessThanOrEqual(120);
});

/** Where a noun of the outside surface has a file of its own: its contract, its routes and its command have one name. */
const BY_NOUN = /^(api|server\/routes|cli\/commands)\//;
const SHARED = new Set(['index.ts', 'types.ts']);

/** Paths of the source files in these folders, from the root. */
const sources = (...parts: string[]): string[] =>
  parts.flatMap((part) =>
    readdirSync(join(ROOT, part), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
      .map((entry) => relative(ROOT, join(entry.parentPath, entry.name))),
  );

it('no two source files have the same name, except shared names and the files of one noun', () => {
  const files = sources('api', 'cli', 'engine', 'server');
  const others = files.filter((file) => !BY_NOUN.test(file) && !SHARED.has(basename(file)));
  expect(others.length).toBeGreaterThan(200);
  const byName = new Map<string, string[]>();
  for (const file of others) byName.set(basename(file), [...(byName.get(basename(file)) ?? []), file]);
  expect([...byName.values()].filter((same) => same.length > 1)).toEqual([]);
});

/** Names that engine/index.ts exports and another file uses for something else: the list may only become shorter. */
const TWO_MEANINGS = ['OpenEntry', 'marked'];

/** What a file exports and defines itself. */
const definedIn = (file: string): string[] =>
  [...readFileSync(join(ROOT, file), 'utf8').matchAll(EXPORT)].map(([, name]) => name!);
const EXPORT = /^export (?:abstract )?(?:async )?(?:function\*? ?|class |interface |type |const |let |enum )(\w+)/gm;

it('a name of engine/index.ts has one meaning in engine, server and cli', () => {
  // What api/ defines under the same name is the same thing, as it goes over HTTP.
  const places = new Map<string, Set<string>>();
  for (const file of sources('cli', 'engine', 'server'))
    for (const name of definedIn(file)) places.set(name, (places.get(name) ?? new Set()).add(file));
  const door = [...readFileSync(join(ROOT, 'engine/index.ts'), 'utf8').matchAll(/[{,]\s*(?:type )?(\w+)(?=[,\s])/g)];
  const names = new Set(door.map(([, name]) => name!));
  expect(names.size).toBeGreaterThan(100);
  const shared = [...names].filter((name) => (places.get(name)?.size ?? 0) > 1);
  expect(shared.sort()).toEqual(TWO_MEANINGS);
});

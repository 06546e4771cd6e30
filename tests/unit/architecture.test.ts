/** docs/architecture.md leads through the code: each file that it names is there, in the order of one change. */
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
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

it('the page about the architecture is read at one sitting', () => {
  expect(page.split('\n').length).toBeLessThanOrEqual(120);
});

/** Links between the pages: each leads to a file that is there, and to a heading that it has. */
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { expect, test } from 'vitest';

const ROOT = resolve(import.meta.dirname, '../../..');
const FOLDERS = ['.', 'docs', 'docs/decisions', 'sandbox', 'sandbox/keap', 'deploy', 'tests'];

const pages = FOLDERS.flatMap((folder) =>
  readdirSync(join(ROOT, folder))
    .filter((name) => name.endsWith('.md'))
    .map((name) => join(ROOT, folder, name)),
);

/** Anchors as GitHub makes them from headings. */
const anchors = (file: string): string[] =>
  [...readFileSync(file, 'utf8').matchAll(/^#+ (.*)$/gm)].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  );

test('each link of a page leads to a file that is there, and to a heading that it has', () => {
  const broken: string[] = [];
  for (const page of pages) {
    const text = readFileSync(page, 'utf8').replaceAll(/```[\s\S]*?```/g, '');
    for (const [, target = ''] of text.matchAll(/\]\(([^()\s]+)\)/g)) {
      if (/^[a-z]+:/.test(target)) continue;
      const [path = '', anchor] = target.split('#');
      const file = path === '' ? page : resolve(dirname(page), path);
      const found =
        existsSync(file) &&
        (!anchor || (statSync(file).isFile() && anchors(file).includes(decodeURIComponent(anchor))));
      if (!found) broken.push(`${relative(ROOT, page)}: ${target}`);
    }
  }
  expect(broken).toEqual([]);
  expect(pages.length).toBeGreaterThan(20);
});

/** The table of docs/testing.md that says how many changes of each file a test finds: it names the files as they are. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { expect, test } from 'vitest';

const ROOT = resolve(import.meta.dirname, '../../..');
const FOLDERS = ['engine/expression', 'engine/merge'];

const page = readFileSync(join(ROOT, 'docs/testing.md'), 'utf8');
const [, chapter = ''] = page.split(/^## (?=Mutation testing)/m);
const [table = ''] = chapter.split(/^## /m);

/** Files by the row of the folder that they stand below. */
function measured(): Map<string, string[]> {
  const found = new Map<string, string[]>();
  let files: string[] = [];
  for (const [, folder, file] of table.matchAll(/^\| (?:`(engine\/\w+)`|– `([\w-]+\.ts)`) \|/gm)) {
    if (file !== undefined) files.push(file);
    if (folder !== undefined) {
      files = [];
      found.set(folder, files);
    }
  }
  return found;
}

/** Files that are named as not counted, of whichever folder. */
const notCounted = [
  ...(table.split('Not counted here:')[1]?.split('\n\nThe ')[0] ?? '').matchAll(/`([\w-]+\.ts)`/g),
].map(([, name]) => name);

const filesOf = (folder: string): string[] => readdirSync(join(ROOT, folder)).filter((name) => name.endsWith('.ts'));

test('each file in the table of mutation testing exists in the folder that it stands below', () => {
  expect([...measured().keys()].sort()).toEqual(FOLDERS);
  for (const [folder, files] of measured()) {
    expect(files.length).toBeGreaterThan(5);
    expect(files.filter((name) => !filesOf(folder).includes(name))).toEqual([]);
  }
});

test('each file that is mutated is in the table of mutation testing or named as not counted', () => {
  const files = FOLDERS.flatMap(filesOf).sort();
  const named = [...measured().values()].flat().concat(notCounted.filter((name) => name !== undefined));
  expect(named.sort()).toEqual(files);
});

test('each file that the page about tests names by its path exists', () => {
  const named = [
    ...page.matchAll(/`((?:tests|engine|scripts|sandbox|bench)\/[\w/-]+\.(?:test\.|config\.)?(?:ts|mjs))`/g),
  ];
  expect(named.length).toBeGreaterThan(10);
  expect(named.map(([, path = '']) => path).filter((path) => !existsSync(join(ROOT, path)))).toEqual([]);
});

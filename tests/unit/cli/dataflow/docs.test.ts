/** docs/dataflow/ holds the documents of the mappings of this repository as they are now. */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { FOLDER, makeDataflow, timeOfText } from '../../../../scripts/generate-dataflow.ts';

it('docs/dataflow/ holds the documents of both directions in all formats, as the mappings make them now', async () => {
  const present = new Map<string, string>();
  for (const name of await readdir(FOLDER)) present.set(name, await readFile(join(FOLDER, name), 'utf8'));
  const made = await makeDataflow((name) => timeOfText(present.get(name) ?? '') ?? new Date(0));
  expect([...made.keys()].sort()).toEqual([...present.keys()].sort());
  for (const [name, text] of made)
    expect(present.get(name), `${name}: run node --import tsx scripts/generate-dataflow.ts`).toBe(text);
});

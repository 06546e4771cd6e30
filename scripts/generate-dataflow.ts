/**
 * Writes docs/dataflow/: the documents of the mappings of this repository, in both directions and all formats.
 * node --import tsx scripts/generate-dataflow.ts. A file of which only the time would change is left as it is.
 */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { withPlaceholders } from '../cli/configuration.ts';
import { FORMATS, render } from '../cli/dataflow/formats/formats.ts';
import { layout } from '../cli/dataflow/layout.ts';
import { dataflowDocument } from '../cli/dataflow/model.ts';
import { compileFiles, readFiles } from '../engine/index.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
export const FOLDER = join(ROOT, 'docs', 'dataflow');

/** @returns text by the file's name, such as `keap-to-customwebshop.md` */
export async function makeDataflow(timeOf: (name: string) => Date): Promise<Map<string, string>> {
  const files = await readFiles({ root: ROOT });
  const { config } = compileFiles(files, withPlaceholders(files, {}));
  const made = new Map<string, string>();
  const [keap, shop] = [config.systems.get('keap')!, config.systems.get('customwebshop')!];
  for (const [from, to] of [
    [keap, shop],
    [shop, keap],
  ] as const) {
    for (const format of FORMATS) {
      const name = `${from.name}-to-${to.name}.${format}`;
      made.set(name, render(format, layout(dataflowDocument(config, from, to, timeOf(name)), { wide: false })));
    }
  }
  return made;
}

/** When a document was made, as it says itself. */
export const timeOfText = (text: string): Date | undefined => {
  const [, day, time] = /Made by Tandem at (\S+) (\S+) UTC/.exec(text) ?? [];
  return day === undefined ? undefined : new Date(`${day}T${time}Z`);
};

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await mkdir(FOLDER, { recursive: true });
  const now = new Date();
  const present = new Map<string, string>();
  for (const name of (await makeDataflow(() => now)).keys())
    present.set(name, await readFile(join(FOLDER, name), 'utf8').catch(() => ''));
  const same = await makeDataflow((name) => timeOfText(present.get(name)!) ?? now);
  for (const [name, text] of await makeDataflow(() => now))
    if (same.get(name) !== present.get(name)) await writeFile(join(FOLDER, name), text);
}

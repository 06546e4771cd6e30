/** Edits of mapping files while all is at work: harmless ones, and one that breaks the file. Each is undone when all is let come to rest. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { dump, load } from 'js-yaml';
import { type Kind, pairs } from './things.ts';

/**
 * describe: another text; reorder: properties in another order; drop: a property is not kept in step for a while; break: the
 * file is no YAML, as when an editor has written half of it.
 */
export type FileEdit = 'describe' | 'reorder' | 'drop' | 'break';

/** The property of each mapping that is dropped: its path in Keap, and the oracle's field. */
export const droppable: Readonly<Record<string, { path: string; kind: Kind; field: string }>> = {
  'company-customer': { path: 'website', kind: 'company', field: 'website' },
  'opportunity-order': { path: 'next_action_notes', kind: 'deal', field: 'next' },
  'product-product': { path: 'weight', kind: 'product', field: 'weight' },
};

interface MappingFile {
  description?: string;
  properties: { keap?: string }[];
}

export interface MappingFiles {
  edit(mapping: string, how: FileEdit, n: number): Promise<void>;
  /** Puts all files back to what they were. */
  restore(): Promise<void>;
}

export async function mappingFiles(root: string): Promise<MappingFiles> {
  const fileOf = (mapping: string): string => join(root, 'mappings', `${mapping}.yaml`);
  const originals = new Map<string, string>();
  for (const mapping of Object.keys(pairs)) originals.set(mapping, await readFile(fileOf(mapping), 'utf8'));
  const edited = new Set<string>();
  return {
    async edit(mapping, how, n) {
      const text = originals.get(mapping) ?? '';
      edited.add(mapping);
      await writeFile(
        fileOf(mapping),
        how === 'break' ? `${text.slice(0, text.length / 2)}\n  - { [` : changed(mapping, text, how, n),
      );
    },
    async restore() {
      for (const mapping of edited) await writeFile(fileOf(mapping), originals.get(mapping) ?? '');
      edited.clear();
    },
  };
}

function changed(mapping: string, text: string, how: Exclude<FileEdit, 'break'>, n: number): string {
  // A file of this repository, which the loader has accepted.
  const file = load(text) as MappingFile;
  const [first, ...others] = file.properties;
  if (how === 'describe') file.description = `Edited ${n} times.`;
  else if (how === 'reorder' && first) file.properties = [...others, first];
  else file.properties = file.properties.filter(({ keap }) => keap !== droppable[mapping]?.path);
  return dump(file);
}

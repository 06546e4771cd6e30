/** The texts of all configuration files, read from their folders. */
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { MAX_FILE_CHARACTERS } from './yaml.ts';

export interface Folders {
  /** Folder that holds mappings/, systems/ and schemas/. */
  readonly root: string;
  /** Other places for these three; default: below root. */
  readonly mappings?: string | undefined;
  readonly systems?: string | undefined;
  readonly schemas?: string | undefined;
}

/** Name as shown to people (`mappings/x.yaml`, `/` on every platform) -> text. */
export type Files = ReadonlyMap<string, string>;

export const resolveFolders = (folders: Folders): { mappings: string; systems: string; schemas: string } => ({
  mappings: folders.mappings ?? join(folders.root, 'mappings'),
  systems: folders.systems ?? join(folders.root, 'systems'),
  schemas: folders.schemas ?? join(folders.root, 'schemas'),
});

/** A folder that does not exist holds no files. */
export async function readFiles(folders: Folders): Promise<Files> {
  const { mappings, systems, schemas } = resolveFolders(folders);
  const files = new Map<string, string>();
  await readFolder(systems, 'systems', isYaml, 0, files);
  await readFolder(mappings, 'mappings', isYaml, 0, files);
  await readFolder(join(mappings, 'values'), 'mappings/values', isYaml, 0, files);
  await readFolder(schemas, 'schemas', (name) => name.endsWith('.schema.json'), 4, files);
  return files;
}

const isYaml = (name: string): boolean => /\.ya?ml$/.test(name);

async function readFolder(
  folder: string,
  shown: string,
  wanted: (name: string) => boolean,
  deeper: number,
  files: Map<string, string>,
): Promise<void> {
  let names: string[];
  try {
    names = await readdir(folder);
  } catch (error) {
    if (isGone(error)) return;
    throw error;
  }
  for (const name of names.sort()) {
    if (name.startsWith('.')) continue;
    const path = join(folder, name);
    try {
      // stat, not the folder's entry: files may be links, as mounted config maps make them.
      const info = await stat(path);
      if (info.isDirectory()) {
        if (deeper > 0) await readFolder(path, `${shown}/${name}`, wanted, deeper - 1, files);
      } else if (wanted(name)) {
        // Too large a file is refused by the parser; its beginning is enough for that.
        const text =
          info.size > MAX_FILE_CHARACTERS * 4 ? ' '.repeat(MAX_FILE_CHARACTERS + 1) : await readFile(path, 'utf8');
        files.set(`${shown}/${name}`, text.startsWith('\uFEFF') ? text.slice(1) : text);
      }
    } catch (error) {
      // Between the listing and the reading a file may go.
      if (!isGone(error)) throw error;
    }
  }
}

const isGone = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR');

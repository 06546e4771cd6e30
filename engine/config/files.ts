/**
 * The texts of all configuration files, read from their folders. Whatever else stands there (a pipe, a device, a link to
 * itself, a folder, far too much) is a problem of that file, found in bounded time; the other files are read.
 */
import { constants, type Stats } from 'node:fs';
import { open, opendir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { TandemError } from '../errors.ts';
import { MAX_FILE_CHARACTERS, unreadable } from './yaml.ts';

export interface Folders {
  /** Folder that holds mappings/, systems/ and schemas/. */
  readonly root: string;
  /** Other places for these three; default: below root. */
  readonly mappings?: string | undefined;
  readonly systems?: string | undefined;
  readonly schemas?: string | undefined;
}

/**
 * Name as shown to people (`mappings/x.yaml`, `/` on every platform) -> text. A file that cannot be read has a text that
 * `parseYaml` answers with the reason.
 */
export type Files = ReadonlyMap<string, string>;

/** Folders below schemas/ may be this deep. */
export const MAX_FOLDER_DEPTH = 4;
/** Entries of mappings/, systems/ or schemas/, and of each folder below schemas/ with all that it holds. */
const MAX_ENTRIES = 2_000;
/** A character of UTF-8 takes up to four bytes. */
const MAX_FILE_BYTES = MAX_FILE_CHARACTERS * 4;
const TOO_LARGE = `The file is larger than ${MAX_FILE_CHARACTERS / 1024} KiB.`;

export const resolveFolders = (folders: Folders): { mappings: string; systems: string; schemas: string } => ({
  mappings: folders.mappings ?? join(folders.root, 'mappings'),
  systems: folders.systems ?? join(folders.root, 'systems'),
  schemas: folders.schemas ?? join(folders.root, 'schemas'),
});

/**
 * A folder that does not exist holds no files.
 * @throws TandemError STARTUP_REFUSED where mappings/, systems/ or schemas/ itself cannot be read: its files are unknown then, not gone
 */
export async function readFiles(folders: Folders): Promise<Files> {
  const { mappings, systems, schemas } = resolveFolders(folders);
  const files = new Map<string, string>();
  for (const [folder, shown, wanted, deeper] of [
    [systems, 'systems', isYaml, 0],
    [mappings, 'mappings', isYaml, 0],
    [schemas, 'schemas', isSchema, MAX_FOLDER_DEPTH],
  ] as const) {
    try {
      await readFolder(folder, shown, wanted, deeper, files, { left: MAX_ENTRIES });
    } catch (cause) {
      throw new TandemError('STARTUP_REFUSED', `${folder} cannot be read: ${reasonOf(cause)}`, { cause });
    }
  }
  await readBelow(join(mappings, 'values'), 'mappings/values', isYaml, 0, files, { left: MAX_ENTRIES });
  return files;
}

const isYaml = (name: string): boolean => /\.ya?ml$/.test(name);
const isSchema = (name: string): boolean => name.endsWith('.schema.json');

/** Entries that may still be looked at: a link may lead to a folder that holds a whole disk. */
interface Budget {
  left: number;
}

async function readFolder(
  folder: string,
  shown: string,
  wanted: (name: string) => boolean,
  deeper: number,
  files: Map<string, string>,
  budget: Budget,
): Promise<void> {
  for (const name of await namesIn(folder, budget)) {
    const path = join(folder, name);
    const file = `${shown}/${name}`;
    try {
      if (wanted(name)) files.set(file, await readText(path));
      else if (deeper > 0 && (await stat(path)).isDirectory()) {
        // Each folder of schemas/ has a budget of its own, so that one of them does not use up that of the others.
        const own = deeper === MAX_FOLDER_DEPTH ? { left: MAX_ENTRIES } : budget;
        await readBelow(path, file, wanted, deeper - 1, files, own);
      }
    } catch (error) {
      // Between the listing and the reading a file may go.
      if (!isGone(error) && wanted(name)) files.set(file, unreadable(reasonOf(error)));
    }
  }
}

/** A folder within one of the three: what is wrong with it is its own problem. */
async function readBelow(
  folder: string,
  shown: string,
  wanted: (name: string) => boolean,
  deeper: number,
  files: Map<string, string>,
  budget: Budget,
): Promise<void> {
  try {
    await readFolder(folder, shown, wanted, deeper, files, budget);
  } catch (error) {
    files.set(shown, unreadable(reasonOf(error)));
  }
}

/** In order, without hidden ones. @throws Unreadable for too many */
async function namesIn(folder: string, budget: Budget): Promise<string[]> {
  const names: string[] = [];
  try {
    for await (const { name } of await opendir(folder)) {
      if (--budget.left < 0) throw new Unreadable(`It holds more than ${MAX_ENTRIES} files and folders.`);
      if (!name.startsWith('.')) names.push(name);
    }
  } catch (error) {
    if (!isGone(error)) throw error;
  }
  return names.sort();
}

/** @throws Unreadable, or what the file system throws */
async function readText(path: string): Promise<string> {
  // stat, not the folder's entry: files may be links, as mounted config maps make them. Before it is opened: opening a
  // device may have effects. And again after: only that is the file which is read.
  requireFile(await stat(path));
  // A pipe that takes the place of a file meanwhile would block a thread for as long as nobody writes to it.
  const handle = await open(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0));
  try {
    requireFile(await handle.stat());
    const parts: Buffer[] = [];
    let size = 0;
    // Not by the size that it tells: it may grow, and files of /proc tell none.
    for await (const part of handle.createReadStream({ autoClose: false, end: MAX_FILE_BYTES })) {
      parts.push(part as Buffer);
      size += (part as Buffer).length;
    }
    if (size > MAX_FILE_BYTES) throw new Unreadable(TOO_LARGE);
    const text = Buffer.concat(parts, size).toString('utf8');
    return text.startsWith('\uFEFF') ? text.slice(1) : text;
  } finally {
    await handle.close();
  }
}

function requireFile(info: Stats): void {
  if (info.size > MAX_FILE_BYTES && info.isFile()) throw new Unreadable(TOO_LARGE);
  if (!info.isFile()) throw new Unreadable(`It is ${kindOf(info)}, not a file.`);
}

const kindOf = (info: Stats): string =>
  info.isDirectory() ? 'a folder' : info.isFIFO() ? 'a pipe' : info.isSocket() ? 'a socket' : 'a device';

class Unreadable extends Error {}

const codeOf = (error: unknown): unknown => (error instanceof Error && 'code' in error ? error.code : undefined);

const isGone = (error: unknown): boolean => codeOf(error) === 'ENOENT';

function reasonOf(error: unknown): string {
  if (error instanceof Unreadable) return error.message;
  switch (codeOf(error)) {
    case 'EACCES':
    case 'EPERM':
      return 'This user may not read it.';
    case 'ELOOP':
      return 'It is a link that leads back to itself.';
    case 'ENOTDIR':
      return 'It is no folder.';
    default:
      return `${error instanceof Error ? error.message : String(error)}.`;
  }
}

/** The `.env` file of the working folder, read by Node's own loader. */
import { statSync } from 'node:fs';
import { resolve } from 'node:path';
import { Failure } from '../failure.ts';

let loaded: string | undefined;

/** The file whose variables were loaded, if one was. */
export const loadedEnvFile = (): string | undefined => loaded;

/**
 * Variables that are set already keep their values, also where that is the empty one.
 * @throws Failure where there is such a file and it cannot be read
 */
export function loadEnvFile(): void {
  loaded = undefined;
  const file = resolve('.env');
  // A folder or a pipe of that name is somebody else's.
  if (statSync(file, { throwIfNoEntry: false })?.isFile() !== true) return;
  try {
    process.loadEnvFile(file);
  } catch (error) {
    const reason = error instanceof Error && 'code' in error ? String(error.code) : String(error);
    throw new Failure(
      'CONFIG_ENV',
      `${file} cannot be read (${reason}).`,
      'Allow Tandem to read it, or move it away: variables may be set in any other way.',
      undefined,
      error,
    );
  }
  loaded = file;
}

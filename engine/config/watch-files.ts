/** Edits of the files: events make it quick; looking makes it sure, for a file may be written between its event and its being watched. */
import { watch } from 'chokidar';
import { type Folders, MAX_FOLDER_DEPTH, resolveFolders } from './files.ts';

export interface Watching {
  close(): Promise<void>;
}

/**
 * @param debounce ms after an event for which there is no other one; poll: ms between looks
 * @param edited called when something may have been edited
 */
export async function watchFiles(
  folders: Folders,
  debounce: number,
  poll: number,
  edited: () => void,
): Promise<Watching> {
  const timer = setInterval(edited, poll);
  timer.unref();
  let soon: NodeJS.Timeout | undefined;
  const watcher = watch(Object.values(resolveFolders(folders)), {
    ignoreInitial: true,
    // A link may lead anywhere, also to the root of the disk. Edits of what links lead to are found by looking.
    followSymlinks: false,
    depth: MAX_FOLDER_DEPTH,
    ignored: (path) => /[/\\]\.[^/\\]+$|~$/.test(path),
  });
  const touched = (): void => {
    clearTimeout(soon);
    soon = setTimeout(edited, debounce);
  };
  watcher.on('all', touched);
  // A watcher that fails (too many files, a folder removed) must not end the process.
  watcher.on('error', touched);
  await new Promise<void>((resolve) => watcher.once('ready', () => resolve()));
  return {
    async close() {
      clearTimeout(soon);
      clearInterval(timer);
      await watcher.close();
    },
  };
}

import { existsSync, type FSWatcher, watch } from 'node:fs';
import path from 'node:path';

// An editor writes a file in several steps, and git writes many files.
const QUIET_MS = 100;

/** Hidden files and backups of editors. */
const IGNORED = /(^|[\\/])(\.[^\\/]*|[^\\/]*~|4913)$/;

export type Changes = Readonly<{
  /** Resolves with the name of a changed file, after the next change. */
  next: () => Promise<string>;
  close: () => void;
}>;

/** Watches the folders that exist, with everything in them. Names of files are relative to `root`. */
export function watchFolders(root: string, folders: readonly string[]): Changes {
  let current = Promise.withResolvers<string>();
  let timer: NodeJS.Timeout | undefined;
  const report = (file: string): void => {
    clearTimeout(timer);
    timer = setTimeout(() => {
      const { resolve } = current;
      current = Promise.withResolvers();
      resolve(file);
    }, QUIET_MS);
  };
  const watchers: FSWatcher[] = folders
    .filter((folder) => existsSync(folder))
    .map((folder) =>
      watch(folder, { recursive: true }, (_event, file) => {
        if (file !== null && !IGNORED.test(file)) {
          report(path.relative(root, path.join(folder, file)));
        }
      }).on('error', () => {
        // A folder that was deleted during the watch. Other folders are still watched.
      }),
    );
  return {
    next: () => current.promise,
    close: () => {
      clearTimeout(timer);
      for (const watcher of watchers) {
        watcher.close();
      }
    },
  };
}

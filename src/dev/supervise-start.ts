import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readdir } from 'node:fs/promises';
import path from 'node:path';

import { watchFolders } from './watch-folders.ts';

/** What `dev` sends to its parent process when the project was loaded. */
export const LOADED = 'loaded';

const SKIPPED = new Set(['node_modules', 'dist']);

/** Returns the folders of a project that may have source files. Its apps are not known yet. */
async function sourceFolders(root: string): Promise<readonly string[]> {
  const entries = await readdir(root, { withFileTypes: true });
  return entries
    .filter((entry) => entry.isDirectory() && !entry.name.startsWith('.') && !SKIPPED.has(entry.name))
    .map(({ name }) => path.join(root, name));
}

/**
 * Runs `dev` in a process of its own. When its code cannot be loaded, for example because of a syntax
 * error, waits for a change and starts it again. Returns the exit code.
 */
export async function superviseStart({
  root,
  start,
  print,
  signalled,
}: Readonly<{
  /** The folder of the project. */
  root: string;
  /** Starts `dev` with a channel to this process. */
  start: () => ChildProcess;
  print: (line: string) => void;
  /** Called with a function that is called for each signal. */
  signalled: (onSignal: (signal: NodeJS.Signals, code: number) => void) => void;
}>): Promise<number> {
  let child: ChildProcess | null = null;
  const interrupted = Promise.withResolvers<number>();
  signalled((signal, code) => {
    child?.kill(signal);
    interrupted.resolve(code);
  });
  for (;;) {
    const changes = watchFolders(root, await sourceFolders(root));
    try {
      const change = changes.next();
      let loaded = false;
      child = start().once('message', (message) => {
        loaded ||= message === LOADED;
      });
      const [code] = (await once(child, 'exit')) as [number | null];
      child = null;
      if (loaded || code === 0 || code === 2) {
        return code ?? 1;
      }
      print('\nNot serving. Waiting for a change. Ctrl-C stops it.');
      const event = await Promise.race([change, interrupted.promise]);
      if (typeof event === 'number') {
        return event;
      }
      print(`\n${event} changed. Restarting.`);
    } finally {
      changes.close();
    }
  }
}

import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';

/** Encodings of a file, in the order of preference. The build writes each of them. */
const ENCODINGS = { br: '.br', gzip: '.gz', identity: '' } as const;

export type ConsoleEncoding = keyof typeof ENCODINGS;

/** A file of the console, as it is sent. */
export type ConsoleFile = Readonly<{
  type: string;
  etag: string;
  /** Whether the name contains a digest of the content. */
  isHashed: boolean;
  bodies: Readonly<Record<ConsoleEncoding, Buffer>>;
}>;

/** Returns a file of the console by its path below `/console/`. Null: there is no such file. */
export type FindConsoleFile = (name: string) => Promise<ConsoleFile | null>;

/** The built console: next to dist/src in a build, in dist/ of the repository. */
const FOLDERS = ['console', 'dist/console'].map((folder) =>
  path.resolve(import.meta.dirname, '../../..', folder),
);

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
};

/** Folder of the files whose names contain a digest. */
const HASHED = 'assets/';

/** Returns the folder of the built console. The folder of its sources has the same name, and no compressed files. */
const findFolder = (): string | undefined =>
  FOLDERS.find((folder) => existsSync(path.join(folder, 'index.html.gz')));

/** Whether `npm run console` has built the console. */
export const isConsoleBuilt = (): boolean => findFolder() !== undefined;

async function readConsoleFile(folder: string, name: string, type: string): Promise<ConsoleFile> {
  const read = (encoding: ConsoleEncoding): Promise<Buffer> =>
    readFile(path.join(folder, name + ENCODINGS[encoding]));
  const [br, gzip, identity] = await Promise.all([read('br'), read('gzip'), read('identity')]);
  return {
    type,
    etag: `"${createHash('sha256').update(identity).digest('base64url').slice(0, 22)}"`,
    isHashed: name.startsWith(HASHED),
    bodies: { br, gzip, identity },
  };
}

/**
 * Returns a function that finds files of the console. Each file is read once. Only names in the
 * list of the folder's files are read, so a path cannot leave the folder. Until the console is built, no file is found.
 */
export function createConsoleFiles(): FindConsoleFile {
  let names: Promise<readonly string[]> | null = null;
  let folder: string | undefined;
  const opened = new Map<string, Promise<ConsoleFile>>();
  return async (name) => {
    folder ??= findFolder();
    if (folder === undefined) {
      return null;
    }
    names ??= readdir(folder, { recursive: true });
    const type = TYPES[path.extname(name)];
    if (type === undefined || !(await names).includes(name)) {
      return null;
    }
    const known = opened.get(name);
    if (known) {
      return known;
    }
    const file = readConsoleFile(folder, name, type);
    opened.set(name, file);
    // A file that could not be read is read again.
    file.catch(() => opened.delete(name));
    return file;
  };
}

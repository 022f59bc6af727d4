import { randomBytes } from 'node:crypto';
import { chown, link, readFile, rename, rm, unlink, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';

import type { Account } from './run.ts';

/** Returns the result of `work`, or undefined when a required file is missing. */
export async function undefinedIfMissing<T>(work: Promise<T>): Promise<T | undefined> {
  try {
    return await work;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') {
      return undefined;
    }
    throw error;
  }
}

/** Returns the trimmed content of a file, or undefined when it does not exist. */
export const readText = async (file: string): Promise<string | undefined> =>
  (await undefinedIfMissing(readFile(file, 'utf8')))?.trim();

/** Writes a file for one account only. An existing file is kept. The file appears atomically. */
export async function writeOnce(file: string, content: string, account?: Account): Promise<void> {
  const draft = join(dirname(file), `.${basename(file)}-${randomBytes(6).toString('hex')}`);
  await writeFile(draft, content, { mode: 0o600, flag: 'wx' });
  try {
    if (account) {
      await chown(draft, account.uid, account.gid);
    }
    await link(draft, file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') {
      throw error;
    }
  } finally {
    await unlink(draft);
  }
}

/** Renames a finished folder. If another process was first, its folder is kept. */
export async function renameUnlessExists(draft: string, folder: string): Promise<void> {
  try {
    await rename(draft, folder);
  } catch (error) {
    await rm(draft, { recursive: true, force: true });
    const { code } = error as NodeJS.ErrnoException;
    if (code !== 'ENOTEMPTY' && code !== 'EEXIST') {
      throw error;
    }
  }
}

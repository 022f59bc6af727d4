import { randomBytes } from 'node:crypto';
import { access, type FileHandle, open, rename, rm } from 'node:fs/promises';
import path from 'node:path';

import { DomainError } from '../../../errors.ts';

const REASONS: Readonly<Record<string, string>> = {
  EACCES: 'you may not write there',
  EISDIR: 'it is a folder',
  ENOENT: 'its folder is not there',
  ENOSPC: 'the disk is full',
  ENOTDIR: 'its folder is not there',
  EPERM: 'you may not write there',
  EROFS: 'the disk is read-only',
};

const exists = (file: string): Promise<boolean> =>
  access(file).then(
    () => true,
    () => false,
  );

/**
 * Writes a file that is there whole or not at all: under another name beside it,
 * to the disk, then renamed. Readable by its owner only. A killed process leaves
 * the other name behind, `.<name>.<random>.partial`, and never half a file under `file`.
 *
 * @throws DomainError `file_refused` when it is there already, unless `overwrite`, or cannot be written
 */
export async function writeWholeFile<T>(
  file: string,
  { overwrite }: { overwrite: boolean },
  fill: (handle: FileHandle, partial: string) => Promise<T>,
): Promise<T> {
  if (!overwrite && (await exists(file))) {
    throw new DomainError('file_refused', `${file} exists already: name another file, or say --overwrite.`);
  }
  const folder = path.dirname(file);
  const partial = path.join(folder, `.${path.basename(file)}.${randomBytes(4).toString('hex')}.partial`);
  try {
    const handle = await open(partial, 'wx', 0o600);
    let filled: T;
    try {
      filled = await fill(handle, partial);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(partial, file);
    // The name too must survive a power cut.
    const parent = await open(folder, 'r');
    await parent.sync().finally(() => parent.close());
    return filled;
  } catch (error) {
    await rm(partial, { force: true });
    const reason = REASONS[(error as NodeJS.ErrnoException).code ?? ''];
    throw reason
      ? new DomainError('file_refused', `${file} cannot be written: ${reason}.`, { cause: error })
      : error;
  }
}

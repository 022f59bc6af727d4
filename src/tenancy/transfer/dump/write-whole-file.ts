import { randomBytes } from 'node:crypto';
import { access, type FileHandle, open, rename, rm } from 'node:fs/promises';
import path from 'node:path';

import { OperatorError } from '../../../errors.ts';

const REASONS: Readonly<Record<string, string>> = {
  EACCES: 'permission denied',
  EISDIR: 'it is a directory',
  ENOENT: 'its directory does not exist',
  ENOSPC: 'the disk is full',
  ENOTDIR: 'its directory does not exist',
  EPERM: 'permission denied',
  EROFS: 'the file system is read-only',
};

const exists = (file: string): Promise<boolean> =>
  access(file).then(
    () => true,
    () => false,
  );

/**
 * Writes a file completely or not at all: to a temporary name in the same folder, synced, then
 * renamed. Only its owner can read it. A killed process leaves `.<name>.<random>.partial`, and never a
 * part of a file under `file`.
 *
 * @throws OperatorError `file_refused` when the file exists, unless `overwrite`, or cannot be written
 */
export async function writeWholeFile<T>(
  file: string,
  { overwrite }: { overwrite: boolean },
  fill: (handle: FileHandle, partial: string) => Promise<T>,
): Promise<T> {
  if (!overwrite && (await exists(file))) {
    throw new OperatorError(
      'file_refused',
      `${file} already exists. Choose another file, or use --overwrite.`,
    );
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
    // The directory entry must survive a power failure too.
    const parent = await open(folder, 'r');
    await parent.sync().finally(() => parent.close());
    return filled;
  } catch (error) {
    await rm(partial, { force: true });
    const reason = REASONS[(error as NodeJS.ErrnoException).code ?? ''];
    throw reason
      ? new OperatorError('file_refused', `Cannot write ${file}: ${reason}.`, { cause: error })
      : error;
  }
}

import { rename, rm } from 'node:fs/promises';

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

import { randomBytes } from 'node:crypto';
import { chown, link, unlink, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';

import type { Account } from './run.ts';

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

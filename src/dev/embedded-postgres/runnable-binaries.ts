import { existsSync } from 'node:fs';
import { cp, lchown, mkdtemp, readdir } from 'node:fs/promises';
import { join } from 'node:path';

import { accountCan } from './account-can.ts';
import type { DataDirectory } from './data-directory-for-root.ts';
import { renameUnlessExists } from './rename-unless-exists.ts';

/** Returns the `bin` folder of `native`, or of a copy in `home` when the account cannot execute it. */
export async function runnableBinaries(
  native: string,
  version: string,
  { home, account }: DataDirectory,
): Promise<string> {
  if (!account || (await accountCan(account, join(native, 'bin', 'postgres'), ['--version']))) {
    return join(native, 'bin');
  }
  const copy = join(home, `native-${version}`);
  if (!existsSync(copy)) {
    const draft = await mkdtemp(join(home, '.native-'));
    await cp(native, draft, { recursive: true, verbatimSymlinks: true });
    for (const path of ['', ...(await readdir(draft, { recursive: true }))]) {
      await lchown(join(draft, path), account.uid, account.gid);
    }
    await renameUnlessExists(draft, copy);
  }
  return join(copy, 'bin');
}

import { createHash } from 'node:crypto';
import { chmod, chown, lstat, mkdtemp, rm, stat, unlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { readText, undefinedIfMissing, writeOnce } from './files.ts';
import { preconditionFailed } from './precondition-failed.ts';
import { type Account, canRun, run } from './run.ts';

/** The data directory, and the account that runs the server. Undefined: the account of this process. */
export type DataDirectory = Readonly<{ home: string; account: Account | undefined }>;

async function unprivilegedAccount(): Promise<Account> {
  const [uid, gid] = await Promise.all(['-u', '-g'].map((flag) => run('id', [flag, 'nobody'])));
  if (uid?.code !== 0 || gid?.code !== 0) {
    throw preconditionFailed(
      'PostgreSQL cannot run as root, and the account "nobody" does not exist. Run this command as a regular user.',
    );
  }
  return { uid: Number(uid.output), gid: Number(gid.output) };
}

const mayEnter = (folder: string, account: Account) => canRun(account, 'test', ['-x', folder]);

/**
 * Creates a folder in the system's temporary area that root does not own. The file LOCATION in
 * `dataDir` names it.
 */
async function createTemporaryDirectory(dataDir: string, account: Account): Promise<string> {
  const hash = createHash('sha256').update(dataDir).digest('hex').slice(0, 12);
  // /var/tmp first: its files survive a reboot.
  for (const parent of ['/var/tmp', tmpdir()]) {
    if (await mayEnter(parent, account)) {
      const home = await mkdtemp(join(parent, `koa-tenants-${hash}-`));
      await chown(home, account.uid, account.gid);
      await writeOnce(join(dataDir, 'LOCATION'), `${home}\n`);
      const chosen = (await readText(join(dataDir, 'LOCATION'))) || home;
      if (chosen !== home) {
        await rm(home, { recursive: true });
      }
      return chosen;
    }
  }
  throw preconditionFailed(
    `PostgreSQL cannot run as root, and the account "nobody" cannot access ${dataDir} or a temporary folder. Run this command as a regular user.`,
  );
}

/**
 * Returns a data directory for `dataDir` that an account other than root can use, preferably
 * `dataDir` itself. Logs a different one.
 */
export async function dataDirectoryForRoot(
  dataDir: string,
  log: (line: string) => void,
): Promise<DataDirectory> {
  const location = await readText(join(dataDir, 'LOCATION'));
  // Existing data keeps its owner.
  const owner = await undefinedIfMissing(stat(join(location || dataDir, 'cluster')));
  const account = owner?.uid ? { uid: owner.uid, gid: owner.gid } : await unprivilegedAccount();

  if (location) {
    const folder = await undefinedIfMissing(lstat(location));
    if (folder?.isDirectory() && folder.uid === account.uid) {
      return { home: location, account };
    }
    if (folder) {
      throw preconditionFailed(
        `${join(dataDir, 'LOCATION')} names ${location}, which belongs to another account. Remove that file to start with empty data.`,
      );
    }
    log(`The data in ${location} no longer exists. Starting with empty data.`);
    await unlink(join(dataDir, 'LOCATION'));
  }
  if (await mayEnter(dirname(dataDir), account)) {
    await chown(dataDir, account.uid, account.gid);
    await chmod(dataDir, 0o700);
    return { home: dataDir, account };
  }
  if (owner) {
    throw preconditionFailed(
      `The account that owns the data in ${dataDir} can no longer access that folder. Allow it to search the parent folders.`,
    );
  }
  const home = await createTemporaryDirectory(dataDir, account);
  log(`PostgreSQL cannot run as root, and other accounts cannot access ${dataDir}. The data is in ${home}.`);
  return { home, account };
}

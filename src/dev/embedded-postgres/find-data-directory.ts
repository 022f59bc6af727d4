import { chmod, mkdir, readdir, realpath } from 'node:fs/promises';
import { join } from 'node:path';

import { type DataDirectory, dataDirectoryForRoot } from './data-directory-for-root.ts';
import { readText } from './files.ts';
import { preconditionFailed } from './precondition-failed.ts';

/**
 * Returns the data directory for `wanted`: that folder, or the one that its file LOCATION names.
 *
 * @throws OperatorError `precondition_failed` when it contains other files, or root finds no
 *   suitable folder
 */
export async function findDataDirectory(
  wanted: string,
  isRoot: boolean,
  log: (line: string) => void,
): Promise<DataDirectory> {
  await mkdir(wanted, { recursive: true });
  const dataDir = await realpath(wanted);
  const entries = (await readdir(dataDir)).filter((name) => !name.startsWith('.'));
  if (entries.length > 0 && !entries.includes('password') && !entries.includes('LOCATION')) {
    throw preconditionFailed(
      `${dataDir} contains other files. Choose an empty folder for the data of PostgreSQL.`,
    );
  }
  if (isRoot) {
    return dataDirectoryForRoot(dataDir, log);
  }
  const location = await readText(join(dataDir, 'LOCATION'));
  if (!location) {
    await chmod(dataDir, 0o700);
  }
  return { home: location || dataDir, account: undefined };
}

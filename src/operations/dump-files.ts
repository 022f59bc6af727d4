import { mkdir, readdir, stat } from 'node:fs/promises';
import path from 'node:path';

import { OperatorError } from '../errors.ts';
import type { Dump } from '../tenancy/operations/fleet-views.ts';

/** Maximum number of dumps in a list. Older ones can be restored by their name. */
const MAX_LISTED = 500;

/** Names of dumps: no path can be in them. */
export const DUMP_NAME = /^[a-z0-9][a-z0-9_-]{0,99}\.(?:tenant|sql)$/;

/**
 * Returns the path of a dump in OPERATIONS_DIRECTORY, which is created if it does not exist.
 *
 * @throws OperatorError `configuration_invalid` if the directory is not set, `file_refused` for an invalid name
 */
export async function dumpPath(directory: string | undefined, name: string): Promise<string> {
  if (directory === undefined) {
    throw new OperatorError(
      'configuration_invalid',
      'OPERATIONS_DIRECTORY of the worker is not set. It must be a folder for dumps.',
    );
  }
  if (!DUMP_NAME.test(name)) {
    throw new OperatorError(
      'file_refused',
      `"${name}" is not the name of a dump. Use lowercase letters, digits, hyphens and underscores, and the ending .tenant.`,
    );
  }
  await mkdir(directory, { recursive: true, mode: 0o700 });
  return path.join(directory, name);
}

/**
 * Returns the dumps in OPERATIONS_DIRECTORY that can be restored, the newest first. Null if the directory is not set, or
 * cannot be read.
 */
export async function listDumps(directory: string | undefined): Promise<readonly Dump[] | null> {
  if (directory === undefined) {
    return null;
  }
  try {
    const names = (await readdir(directory)).filter(
      (name) => DUMP_NAME.test(name) && name.endsWith('.tenant'),
    );
    const found = await Promise.all(
      names.map(async (name) => {
        // A dump may be deleted in the meantime.
        const facts = await stat(path.join(directory, name)).catch(() => null);
        return facts?.isFile() ? [{ name, bytes: facts.size, modified_at: facts.mtime.toISOString() }] : [];
      }),
    );
    return found
      .flat()
      .sort((one, other) => other.modified_at.localeCompare(one.modified_at))
      .slice(0, MAX_LISTED);
  } catch (error) {
    // dump-tenant creates the directory.
    return (error as NodeJS.ErrnoException).code === 'ENOENT' ? [] : null;
  }
}

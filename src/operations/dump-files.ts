import { mkdir } from 'node:fs/promises';
import path from 'node:path';

import { OperatorError } from '../errors.ts';

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

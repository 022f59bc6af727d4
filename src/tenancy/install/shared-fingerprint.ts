import { createHash } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import path from 'node:path';

import { readSqlFile } from '../../db/sql/sql-file.ts';
import { sharedMigrationNames } from '../migrations/migration-files.ts';

const FUNCTIONS = path.resolve(import.meta.dirname, '../../../sql/shared/functions');

/** Returns the files of sql/shared/functions/ without their extension, in a fixed order. */
export async function functionFiles(): Promise<readonly string[]> {
  const files = await readdir(FUNCTIONS);
  return files
    .filter((file) => file.endsWith('.sql'))
    .map((file) => `functions/${path.basename(file, '.sql')}`)
    .sort();
}

/**
 * Returns a digest of the shared schema that the code expects: its migrations, and the files that are
 * applied again whenever they change.
 */
export async function sharedFingerprint(): Promise<string> {
  const hash = createHash('sha256');
  hash.update((await sharedMigrationNames()).join());
  for (const file of ['roles', 'schemas', ...(await functionFiles()), 'grants', 'hardening', 'extensions']) {
    hash.update(await readSqlFile(`shared/${file}.sql`, { service: 'service', database: 'database' }));
  }
  return hash.digest('hex').slice(0, 16);
}

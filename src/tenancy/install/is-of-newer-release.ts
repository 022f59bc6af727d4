import { sharedMigrationNames } from '../migrations/run-migrations.ts';

/**
 * Whether a database with these shared migrations is of a newer release than this code: it has all
 * migrations of the code, and others. Such a database is not changed: the functions of a newer release
 * are compatible with this code.
 */
export async function isOfNewerRelease(applied: readonly string[]): Promise<boolean> {
  const known = await sharedMigrationNames();
  return applied.length > known.length && known.every((name) => applied.includes(name));
}

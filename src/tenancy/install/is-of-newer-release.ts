import { sharedMigrationNames } from '../migrations/migration-files.ts';

/**
 * Returns whether a newer release has migrated the database: all shared migrations of this code are
 * applied, and others too. This code must not change such a database. It can use its functions, because
 * a newer release keeps them compatible.
 */
export async function isOfNewerRelease(applied: readonly string[]): Promise<boolean> {
  const known = await sharedMigrationNames();
  return applied.length > known.length && known.every((name) => applied.includes(name));
}

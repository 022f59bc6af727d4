import { sharedMigrationNames } from '../migrations/run-migrations.ts';

/**
 * Whether a database with these shared migrations is of a newer release than this
 * code: it has all that the code knows, and others. Its doors are those of before,
 * and more; what the code has of them is not put back over it.
 */
export async function isOfNewerRelease(applied: readonly string[]): Promise<boolean> {
  const known = await sharedMigrationNames();
  return applied.length > known.length && known.every((name) => applied.includes(name));
}

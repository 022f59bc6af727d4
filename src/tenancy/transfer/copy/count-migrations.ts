import { OperatorError } from '../../../errors.ts';
import { migrationsFor } from '../../migrations/migrate-tenant.ts';
import { loadTenantMigrations } from '../../migrations/tenant-migrations.ts';
import type { TenancyProject } from '../../registry/project.ts';
import type { SchemaName } from '../../registry/tenant.ts';

/**
 * Returns the number of migrations that were applied to copied or dumped rows.
 *
 * @param applied the names of these migrations, oldest first
 * @throws OperatorError `dump_invalid` when they are not the first migrations of this code, in its order, or
 *   when there are none
 */
export async function countMigrations(
  project: TenancyProject,
  applied: readonly string[],
  schema: SchemaName,
): Promise<number> {
  const known = migrationsFor(schema, await loadTenantMigrations(project)).map(({ name }) => name);
  const mismatch = applied.find((name, index) => known[index] !== name);
  if (mismatch !== undefined || applied.length === 0) {
    throw new OperatorError(
      'dump_invalid',
      mismatch === undefined
        ? 'The migration history of these rows is empty, so their tables are unknown.'
        : `The migration history of these rows has "${mismatch}" at a position where this code has another one. Use the release that wrote them, or a newer one.`,
    );
  }
  return applied.length;
}

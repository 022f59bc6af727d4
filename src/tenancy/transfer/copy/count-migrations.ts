import { OperatorError } from '../../../errors.ts';
import { migrationsFor } from '../../migrations/migrate-tenant.ts';
import { loadTenantMigrations } from '../../migrations/tenant-migrations.ts';
import type { TenancyProject } from '../../registry/project.ts';
import type { SchemaName } from '../../registry/tenant.ts';

/**
 * Returns how many of the code's migrations a tenant has.
 *
 * @throws OperatorError `dump_invalid` when they are not the first ones of the code
 */
export async function countMigrations(
  project: TenancyProject,
  applied: readonly string[],
  schema: SchemaName,
): Promise<number> {
  const known = migrationsFor(schema, await loadTenantMigrations(project)).map(({ name }) => name);
  const odd = applied.find((name, index) => known[index] !== name);
  if (odd !== undefined || applied.length === 0) {
    throw new OperatorError(
      'dump_invalid',
      odd === undefined
        ? 'The migration history of these rows is empty, so their tables are unknown.'
        : `The migration history of these rows has "${odd}" at a position where this code has not. Use the release that wrote them, or a newer one.`,
    );
  }
  return applied.length;
}

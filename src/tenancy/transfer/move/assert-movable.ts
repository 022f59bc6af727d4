import { OperatorError, Unavailable } from '../../../errors.ts';
import { loadTenantMigrations, migrationsOn } from '../../migrations/tenant-migrations.ts';
import type { Move } from './move.ts';

const MOVABLE = new Set(['active', 'suspended', 'maintenance']);

export const busy = (schema: string): Unavailable =>
  new Unavailable('tenant_busy', `Another command is moving or changing the tenant ${schema}. Try again.`, 5);

/**
 * Checks that the tenant can be moved to the target.
 *
 * @throws OperatorError `usage_invalid`, `precondition_failed`
 */
export function assertMovable({ source, target, tenant }: Move): void {
  const { schema, status, type } = tenant;
  if (type === 'site') {
    throw new OperatorError('usage_invalid', 'The public site cannot be moved from main.');
  }
  if (source.name === target.name) {
    throw new OperatorError('usage_invalid', `The tenant ${schema} is already on "${target.name}".`);
  }
  if (!MOVABLE.has(status)) {
    throw new OperatorError(
      'precondition_failed',
      `The tenant ${schema} is in status ${status}. Only tenants that are served can be moved.`,
    );
  }
}

/**
 * Checks that the tenant has exactly the code's migrations.
 *
 * @throws OperatorError `precondition_failed`
 */
export async function assertMigrated(
  { project, tenant: { schema } }: Pick<Move, 'project' | 'tenant'>,
  migrations: readonly string[],
): Promise<void> {
  const own = migrationsOn('tenant', await loadTenantMigrations(project));
  if (migrations.join() !== own.map(({ name }) => name).join()) {
    throw new OperatorError(
      'precondition_failed',
      `The tenant ${schema} has other migrations than this code. Run \`migrate --schema ${schema}\` first.`,
    );
  }
}

import { OperatorError } from '../../errors.ts';
import { migrationsFor } from '../migrations/migrate-tenant.ts';
import type { TenantMigration } from '../migrations/tenant-migrations.ts';
import type { BehindTenant } from './fleet-state.ts';

type Versions = Pick<BehindTenant, 'schema' | 'migratedTo' | 'concurrentTo'>;

const versionOf = ({ concurrent }: TenantMigration, { migratedTo, concurrentTo }: Versions): string =>
  (concurrent ? concurrentTo : migratedTo) ?? '';

/**
 * Returns what would run on a tenant, according to the last names in its row. Does not read its
 * migration history.
 */
function pendingOf(
  migrations: readonly TenantMigration[],
  tenant: Versions,
  to: string | undefined,
): Readonly<{ apply: readonly string[]; undo: readonly string[] }> {
  const its = migrationsFor(tenant.schema, migrations);
  const undo = its.filter((one) => to !== undefined && one.name > to && one.name <= versionOf(one, tenant));
  const apply = its.filter(
    (one) => (to === undefined || one.name <= to) && one.name > versionOf(one, tenant) && undo.length === 0,
  );
  return { apply: apply.map(({ name }) => name), undo: undo.map(({ name }) => name).toReversed() };
}

/**
 * Returns the names of all migrations that a downgrade to `to` would undo in some tenant, the last one
 * first.
 */
export function namesToUndo(
  migrations: readonly TenantMigration[],
  tenants: readonly Versions[],
  to: string | undefined,
): readonly string[] {
  const names = new Set(
    to === undefined ? [] : tenants.flatMap((tenant) => pendingOf(migrations, tenant, to).undo),
  );
  return [...names].sort().reverse();
}

/** @throws OperatorError `precondition_failed` naming the migrations that cannot be undone */
export function assertUndoable(migrations: readonly TenantMigration[], names: readonly string[]): void {
  const stuck = migrations.filter(({ name, down }) => names.includes(name) && !down);
  if (stuck.length > 0) {
    throw new OperatorError(
      'precondition_failed',
      `These migrations have no \`down\` and cannot be undone: ${stuck.map(({ name }) => name).join(', ')}. Nothing was changed.`,
    );
  }
}

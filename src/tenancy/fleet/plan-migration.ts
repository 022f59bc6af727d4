import type pg from 'pg';

import { withAdminConnection } from '../../db/admin/admin-connection.ts';
import { migrationsFor } from '../migrations/migrate-tenant.ts';
import { findTarget } from '../migrations/migration-sequence.ts';
import { readHistories } from '../migrations/read-histories.ts';
import { sharedMigrationNames } from '../migrations/run-migrations.ts';
import {
  loadGlobalMigrations,
  loadTenantMigrations,
  type TenantMigration,
} from '../migrations/tenant-migrations.ts';
import type { TenancyProject } from '../registry/project.ts';
import { noSuchTenant } from '../registry/registry.ts';
import { findStaleRows } from './find-stale-rows.ts';
import { type Fleet, readFleetState } from './fleet-state.ts';
import { isOutdated } from './migrate.ts';
import { assertUndoable, namesToUndo } from './pending.ts';

/** What `migrate` would do. Nothing in it means that nothing is pending. */
export type MigrationPlan = Readonly<{
  /** Roles, keys, grants or hardening would be made anew, whether or not a migration is due. */
  install: boolean;
  shared: readonly string[];
  tenants: ReadonlyArray<Readonly<{ schema: string; apply: readonly string[]; undo: readonly string[] }>>;
}>;

/** Shared and global migrations that are not applied yet; all of them where nothing is installed. */
async function pendingShared(owner: pg.ClientConfig, project: TenancyProject): Promise<readonly string[]> {
  const global = await loadGlobalMigrations(project);
  const names = [...(await sharedMigrationNames()), ...global.map(({ name }) => name)];
  return withAdminConnection(owner, async (client) => {
    const { rows } = await client.query<{ there: boolean }>(
      `select pg_catalog.to_regclass('tenancy_migrations.global') is not null as there`,
    );
    if (!rows[0]?.there) {
      return names;
    }
    const history = await client.query<{ name: string }>(
      `select m.name::text from tenancy_migrations.shared as m
       union all
       select m.name from tenancy_migrations.global as m`,
    );
    const applied = new Set(history.rows.map(({ name }) => name));
    return names.filter((name) => !applied.has(name));
  });
}

/** As `courseOf`, for a plan: what would be refused is planned as it is written. */
function stepsOf(
  migrations: readonly TenantMigration[],
  history: readonly string[],
  to: string | undefined,
): Readonly<{ apply: readonly string[]; undo: readonly string[] }> {
  const applied = new Set(history);
  const names = migrations.map(({ name }) => name);
  const undo = names.filter((name) => to !== undefined && name > to && applied.has(name)).toReversed();
  const apply = names.filter((name) => (to === undefined || name <= to) && !applied.has(name));
  return { apply: undo.length > 0 ? [] : apply, undo };
}

/**
 * What `migrate` with the same options would do. Changes nothing. Which tenants
 * are behind, one query of the registry says, as it does for `migrate`; what would
 * run on each, its own ledger, which counts where the two differ.
 *
 * Before the first installation of this release the tenants are not known.
 *
 * @throws DomainError as `migrate` does, before it has changed anything
 */
export async function planMigration(
  owner: pg.ClientConfig,
  fleet: Fleet,
  {
    shared = true,
    reinstall = false,
    tenants = true,
    schema = null,
    histories: deep = false,
    to: target,
    migrations: given,
  }: {
    shared?: boolean;
    reinstall?: boolean;
    tenants?: boolean;
    schema?: string | null;
    histories?: boolean;
    to?: string | undefined;
    migrations?: readonly TenantMigration[];
  } = {},
): Promise<MigrationPlan> {
  const migrations = given ?? (await loadTenantMigrations(fleet.project));
  const to = target === undefined ? undefined : findTarget(migrations, target);
  const state = await readFleetState(owner, fleet, { migrations, to, schema });
  if (schema !== null && state && !state.named) {
    throw noSuchTenant(schema);
  }
  const known = tenants ? (state?.behind ?? []) : [];
  const stray = deep && tenants && state ? await findStaleRows(owner, { migrations, schema }) : [];
  const found = stray.filter(({ row }) => known.every(({ id }) => id !== row.id));
  const behind = [...known, ...found.map(({ row, history }) => ({ ...row, ...history }))];
  assertUndoable(migrations, namesToUndo(migrations, behind, to));
  const install = shared && (reinstall || (await isOutdated(state, fleet)));
  const histories = await readHistories(owner, behind);
  return {
    install,
    shared: install ? await pendingShared(owner, fleet.project) : [],
    tenants: behind.map((tenant) => ({
      schema: tenant.schema,
      ...stepsOf(migrationsFor(tenant.schema, migrations), histories.get(tenant.role) ?? [], to),
    })),
  };
}

/** The plans of several databases as one. */
export const joinPlans = (plans: readonly MigrationPlan[]): MigrationPlan => ({
  install: plans.some(({ install }) => install),
  shared: [...new Set(plans.flatMap(({ shared }) => shared))],
  tenants: plans.flatMap(({ tenants }) => tenants),
});

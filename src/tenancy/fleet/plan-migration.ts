import type pg from 'pg';

import { withAdminConnection } from '../../db/admin/admin-connection.ts';
import { migrationsFor } from '../migrations/migrate-tenant.ts';
import { sharedMigrationNames } from '../migrations/migration-files.ts';
import { findTarget } from '../migrations/migration-sequence.ts';
import { readHistories } from '../migrations/read-histories.ts';
import {
  loadGlobalMigrations,
  loadTenantMigrations,
  type TenantMigration,
} from '../migrations/tenant-migrations.ts';
import type { TenancyProject } from '../registry/project.ts';
import { noSuchTenant } from '../registry/registry.ts';
import { type ChangedFile, distinctFiles, findChanged, readFileDigests } from './changed-files.ts';
import { findStaleRows } from './find-stale-rows.ts';
import { type Fleet, readFleetState } from './fleet-state.ts';
import { isOutdated } from './migrate.ts';
import { assertUndoable, namesToUndo } from './pending.ts';

/** The result of a `migrate` run, computed in advance. Empty if nothing is pending. */
export type MigrationPlan = Readonly<{
  /** Whether roles, keys, grants or hardening would be applied again, with or without a migration. */
  install: boolean;
  shared: readonly string[];
  /** Applied migrations whose files have changed since. */
  changed: readonly ChangedFile[];
  tenants: ReadonlyArray<Readonly<{ schema: string; apply: readonly string[]; undo: readonly string[] }>>;
}>;

/** Returns the shared and global migrations that are not applied; all of them if nothing is installed. */
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

/** As `sequenceOf`, for a plan: sequences that would be rejected are planned as written. */
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
 * Returns what `migrate` with the same options would do. Changes nothing. As in `migrate`, one query
 * of the registry finds the tenants that are behind. Their own migration histories determine what
 * would run on each.
 *
 * Before the first installation of this release the tenants are not known.
 *
 * @throws DomainError as `migrate` does before its first change
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
  const stale = deep && tenants && state ? await findStaleRows(owner, { migrations, schema }) : [];
  const found = stale.filter(({ row }) => known.every(({ id }) => id !== row.id));
  const behind = [...known, ...found.map(({ row, history }) => ({ ...row, ...history }))];
  assertUndoable(migrations, namesToUndo(migrations, behind, to));
  const install = shared && (reinstall || (await isOutdated(state, fleet)));
  const histories = await readHistories(owner, behind);
  return {
    install,
    shared: install ? await pendingShared(owner, fleet.project) : [],
    changed: state ? findChanged(await readFileDigests(fleet.project, migrations), state.digests) : [],
    tenants: behind.map((tenant) => ({
      schema: tenant.schema,
      ...stepsOf(migrationsFor(tenant.schema, migrations), histories.get(tenant.role) ?? [], to),
    })),
  };
}

/** Merges the plans of several databases. */
export const joinPlans = (plans: readonly MigrationPlan[]): MigrationPlan => ({
  install: plans.some(({ install }) => install),
  shared: [...new Set(plans.flatMap(({ shared }) => shared))],
  changed: distinctFiles(plans.map(({ changed }) => changed)),
  tenants: plans.flatMap(({ tenants }) => tenants),
});

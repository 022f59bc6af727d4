import pg from 'pg';
import { withAdminConnection } from '../../db/admin/admin-connection.ts';
import { lastRows } from '../../db/admin/last-rows.ts';
import { LEAVE } from '../context/with-owner-tenant.ts';
import type { SchemaKind } from '../registry/project.ts';
import { SITE_SCHEMA, type Tenant, type TenantIdentity, tenantIdentity } from '../registry/tenant.ts';
import { applyMigrations } from './apply-migrations.ts';
import { historySql } from './history.ts';
import { needsCommit } from './migration-failed.ts';
import { type MigrationSequence, sequenceOf } from './migration-sequence.ts';
import { migrationsOn, type TenantMigration } from './tenant-migrations.ts';

/** The target of a migration run. */
export type MigrationTarget = Readonly<{
  /** The code's migrations for a tenant. */
  migrations: readonly TenantMigration[];
  /** Name of the last migration to apply. Default: the last one. */
  to?: string | undefined;
  /** Whether migrations are recorded as applied without being run. */
  fake?: boolean | undefined;
  /** The kind of the schema. Default: derived from its name. */
  kind?: SchemaKind | undefined;
  /** Maximum number of migrations to apply. */
  limit?: number | undefined;
}>;

/** Returns the kind of a schema, derived from its name. A spare is a tenant's schema. */
export const kindOf = (schema: string): SchemaKind => (schema === SITE_SCHEMA ? 'site' : 'tenant');

/** Returns the code's migrations for a schema. */
export const migrationsFor = (
  schema: string,
  migrations: readonly TenantMigration[],
): readonly TenantMigration[] => migrationsOn(kindOf(schema), migrations);

const literal = (name: string | null): string => (name === null ? 'null' : pg.escapeLiteral(name));

/** The migration state of a tenant, as its row stores it. */
export type SchemaVersion = Pick<
  Tenant,
  'migratedTo' | 'concurrentTo' | 'migrationsApplied' | 'transactionalApplied'
>;

/**
 * Returns the migration state for a migration history. Names that the code does not have count as
 * transactional migrations.
 */
export function schemaVersionOf(
  history: readonly string[],
  migrations: readonly TenantMigration[],
): SchemaVersion {
  const concurrent = new Set(migrations.filter((one) => one.concurrent).map(({ name }) => name));
  const names = [...history].sort();
  return {
    migratedTo: names.findLast((name) => !concurrent.has(name)) ?? null,
    concurrentTo: names.findLast((name) => concurrent.has(name)) ?? null,
    migrationsApplied: names.length,
    transactionalApplied: names.filter((name) => !concurrent.has(name)).length,
  };
}

/**
 * Returns SQL that leaves the tenant and records its state. If nothing is left to do, it deletes the
 * record of a failure.
 */
export function recordVersionSql(
  { role }: Pick<Tenant, 'role'>,
  history: readonly string[],
  migrations: readonly TenantMigration[],
  { through = true }: { through?: boolean } = {},
): string {
  const { migratedTo, concurrentTo, migrationsApplied, transactionalApplied } = schemaVersionOf(
    history,
    migrations,
  );
  const recordVersion = `
    ${LEAVE};
    update public.tenants as t
    set migrated_to = ${literal(migratedTo)},
        concurrent_to = ${literal(concurrentTo)},
        migrations_applied = ${migrationsApplied},
        transactional_applied = ${transactionalApplied}
    where t.role_name = ${pg.escapeLiteral(role)}`;
  const deleteFailure = `
    delete from tenancy.migration_failures as f
    using public.tenants as t
    where t.role_name = ${pg.escapeLiteral(role)}
      and f.tenant_id = t.id`;
  return through ? `${recordVersion};${deleteFailure}` : recordVersion;
}

/** Returns the migration history after a sequence was run. */
export const historyAfter = (
  history: readonly string[],
  { direction, steps }: MigrationSequence,
): readonly string[] => {
  const names = new Set(steps.map(({ name }) => name));
  return direction === 'up' ? [...history, ...names] : history.filter((name) => !names.has(name));
};

/**
 * Migrates a schema that is not in use to its target inside the transaction of `client`, as
 * tenant_owner. Returns the names of the applied migrations.
 *
 * Migrations that belong outside a transaction run inside it too, without CONCURRENTLY. In a schema in
 * use they would block its writers.
 *
 * @throws MigrationFailed
 */
export async function migrateInside(
  client: pg.ClientBase,
  tenant: Pick<Tenant, 'schema' | 'role'>,
  { migrations, to, fake, kind = kindOf(tenant.schema), limit }: MigrationTarget,
): Promise<readonly string[]> {
  const rows = await lastRows<{ name: string }>(client, historySql(tenant));
  const history = rows.map(({ name }) => name);
  const { direction, steps } = sequenceOf(migrationsOn(kind, migrations), history, to);
  const sequence = { direction, steps: steps.slice(0, limit) };
  await applyMigrations(client, tenant, sequence, {
    fake,
    after: recordVersionSql(tenant, historyAfter(history, sequence), migrations),
  });
  return sequence.steps.map(({ name }) => name);
}

/**
 * Migrates a schema that is not in use to its target with one transaction for each migration. Returns
 * the names of the applied migrations. For migrations that need a commit in between, such as one that
 * adds an enum value and one that uses it.
 *
 * @throws MigrationFailed; earlier migrations stay applied
 */
export async function migrateInSteps(
  owner: pg.ClientConfig,
  tenant: Pick<Tenant, 'schema' | 'role'>,
  target: MigrationTarget,
): Promise<readonly string[]> {
  const names: string[] = [];
  for (;;) {
    const applied = await withAdminConnection(owner, (client) =>
      migrateInside(client, tenant, { ...target, limit: 1 }),
    );
    if (applied.length === 0) {
      return names;
    }
    names.push(...applied);
  }
}

/** Locks the row of a tenant that is not in use. Concurrent runs for the same tenant wait for each other. */
async function lockRow(client: pg.ClientBase, schema: string): Promise<TenantIdentity> {
  const { rows } = await client.query(
    `select t.id, t.schema_name as schema, t.role_name as role
     from public.tenants as t
     where t.schema_name = $1
     for no key update`,
    [schema],
  );
  if (!rows[0]) {
    throw new TypeError(`No tenant has the schema ${pg.escapeIdentifier(schema)}.`);
  }
  return tenantIdentity.parse(rows[0]);
}

/**
 * Migrates one tenant that is not in use (a spare, or one that was just loaded) to the code's version,
 * on its own connection. Uses one transaction, or one for each migration if they need a commit in
 * between. Tenants in use are migrated by `migrate`.
 */
export async function migrateTenant(
  owner: pg.ClientConfig,
  schema: string,
  target: Pick<MigrationTarget, 'migrations'>,
): Promise<readonly string[]> {
  const advance = (limit?: number) =>
    withAdminConnection(owner, async (client) =>
      migrateInside(client, await lockRow(client, schema), { ...target, limit }),
    );
  try {
    return await advance();
  } catch (error) {
    if (!needsCommit(error)) {
      throw error;
    }
  }
  const names: string[] = [];
  for (;;) {
    const applied = await advance(1);
    if (applied.length === 0) {
      return names;
    }
    names.push(...applied);
  }
}

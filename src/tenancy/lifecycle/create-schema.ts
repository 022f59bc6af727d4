import pg from 'pg';

import { enterSql, LEAVE } from '../context/with-owner-tenant.ts';
import { grantToLaneSql } from '../install/lane-logins.ts';
import { membershipOptionsOf } from '../install/membership.ts';
import { applyMigrations } from '../migrations/apply-migrations.ts';
import { historySql } from '../migrations/history.ts';
import { kindOf, migrateInside, migrationsFor, schemaVersionOf } from '../migrations/migrate-tenant.ts';
import { ZERO } from '../migrations/migration-sequence.ts';
import { loadTenantMigrations, migrationsOn, type TenantMigration } from '../migrations/tenant-migrations.ts';
import { dueWorkOf, type SchemaKind, type TenancyProject } from '../registry/project.ts';
import type { TenantIdentity } from '../registry/tenant.ts';
import type { NewTenant } from './new-tenant.ts';
import { registerTenant } from './register-tenant.ts';
import { runHooks } from './run-hooks.ts';

/** The service's login and the project, as the creation of a tenant needs them. */
export type Provisioning = Readonly<{
  /** The service's login. */
  service: string;
  /** Its apps determine the tables of the tenant. */
  project: TenancyProject;
}>;

/** Rows for a new tenant. They fit its tables after the first `migrations` migrations. */
export type Filling = Readonly<{
  migrations: number;
  fill: (client: pg.Client, identity: TenantIdentity) => Promise<void>;
  /** Hook that is called when the rows are loaded and migrated. */
  hook: 'onRestored' | 'onCloned';
}>;

/**
 * Returns SQL that creates role and schema. `role`: whether another database of the cluster may have
 * created the role for the same tenant.
 */
const tenantSchemaSql = (
  { schema, role }: Pick<TenantIdentity, 'schema' | 'role'>,
  service: string,
  version: number,
): string => {
  const name = pg.escapeIdentifier(role);
  return `
    do $role$
    begin
      if not exists (select from pg_catalog.pg_roles as r where r.rolname = ${pg.escapeLiteral(role)}) then
        create role ${name} nologin;
      end if;
    end
    $role$;
    grant ${name} to ${pg.escapeIdentifier(service)}${membershipOptionsOf(version)};
    ${grantToLaneSql(role, membershipOptionsOf(version))};
    create schema ${pg.escapeIdentifier(schema)} authorization tenant_owner`;
};

/** Creates the role and the empty schema of a tenant whose row exists. */
export async function createEmptySchema(
  client: pg.ClientBase,
  identity: Pick<TenantIdentity, 'schema' | 'role'>,
  service: string,
): Promise<void> {
  const { rows } = await client.query<{ version: number }>(
    `select current_setting('server_version_num')::integer as version`,
  );
  await client.query(tenantSchemaSql(identity, service, rows[0]?.version ?? 0));
}

/** Returns the name of the last of the first `count` migrations. */
export const targetOf = (migrations: readonly TenantMigration[], count: number): string =>
  migrations[count - 1]?.name ?? ZERO;

/**
 * Marks kinds of due work in the transaction that loads rows, because loading fires no trigger. A worker removes the
 * mark of a tenant without work.
 */
export async function markDue(
  client: pg.ClientBase,
  { schema }: Pick<TenantIdentity, 'schema'>,
  kinds: readonly string[],
): Promise<void> {
  if (kinds.length > 0) {
    const marks = kinds.map((kind) => `tenancy.mark_due(${pg.escapeLiteral(kind)})`);
    await client.query(`${enterSql({ schema })}; select ${marks.join(', ')}; ${LEAVE}`);
  }
}

/**
 * Creates role, schema, tables and policies for a tenant whose row exists: as they are after all
 * migrations, or after the first `count`.
 */
export async function openTenantSchema(
  client: pg.ClientBase,
  { service, project }: Provisioning,
  identity: TenantIdentity,
  count?: number,
): Promise<void> {
  await createEmptySchema(client, identity, service);
  const migrations = await loadTenantMigrations(project);
  const to = count === undefined ? undefined : targetOf(migrationsFor(identity.schema, migrations), count);
  await migrateInside(client, identity, { migrations, to });
  await markDue(client, identity, dueWorkOf(project, kindOf(identity.schema)));
}

/** As `openTenantSchema`, with all migrations and the rows loaded. */
export async function createTenantSchema(
  client: pg.Client,
  provisioning: Provisioning,
  identity: TenantIdentity,
  filling: Filling | null,
): Promise<void> {
  await openTenantSchema(client, provisioning, identity, filling?.migrations);
  if (filling) {
    await filling.fill(client, identity);
    await migrateInside(client, identity, { migrations: await loadTenantMigrations(provisioning.project) });
  }
  await runHooks(client, provisioning.project, filling?.hook ?? 'onTenantCreated', identity);
}

/** Creates a tenant or a spare with all its DDL inside the transaction of `client`. */
export async function createInside(
  client: pg.ClientBase,
  service: string,
  tenant: NewTenant,
  {
    migrations,
    status = 'active',
    kind = kindOf(tenant.schema),
  }: { migrations: readonly TenantMigration[]; status?: 'active' | 'spare'; kind?: SchemaKind },
): Promise<TenantIdentity> {
  const steps = migrationsOn(kind, migrations);
  const schemaVersion = schemaVersionOf(
    steps.map((one) => one.name),
    migrations,
  );
  const { version, ...identity } = await registerTenant(client, tenant, { status, schemaVersion });
  await client.query(`${tenantSchemaSql(identity, service, version)}; ${historySql(identity)}`);
  await applyMigrations(client, identity, { direction: 'up', steps }, { after: LEAVE });
  return identity;
}

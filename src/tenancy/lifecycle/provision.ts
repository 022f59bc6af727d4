import { randomBytes } from 'node:crypto';
import pg from 'pg';

import { withAdminConnection } from '../../db/admin/admin-connection.ts';
import { hasSqlState, SQLSTATE } from '../../db/sqlstate.ts';
import { type DomainError, OperatorError } from '../../errors.ts';
import { membershipOptionsOf } from '../install/membership.ts';
import { applyMigrations } from '../migrations/apply-migrations.ts';
import { historySql } from '../migrations/history.ts';
import {
  kindOf,
  LEAVE,
  migrateInSteps,
  migrateInside,
  migrationsFor,
  type SchemaVersion,
  schemaVersionOf,
} from '../migrations/migrate-tenant.ts';
import { needsCommit } from '../migrations/migration-failed.ts';
import { ZERO } from '../migrations/migration-sequence.ts';
import { loadTenantMigrations, migrationsOn, type TenantMigration } from '../migrations/tenant-migrations.ts';
import { MAIN } from '../registry/databases.ts';
import type { SchemaKind, TenancyProject } from '../registry/project.ts';
import {
  parseSchemaName,
  type SchemaName,
  SITE_SCHEMA,
  type TenantId,
  type TenantIdentity,
  tenantIdentity,
} from '../registry/tenant.ts';
import { claimSpare } from './claim-spare.ts';
import { dropTenantSchema } from './drop-schema.ts';
import type { NewTenant } from './new-tenant.ts';
import { renameSchema } from './rename-schema.ts';
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

/** Called in the transaction that creates the tenant. */
export type Begin = (client: pg.Client) => Promise<void>;

const schemaTaken = ({ schema }: NewTenant): DomainError =>
  new OperatorError(
    'schema_name_taken',
    `A tenant with the schema "${schema}" already exists. Choose another name.`,
  );

const TAKEN: Readonly<Record<string, (tenant: NewTenant) => DomainError>> = {
  tenants__schema_name: schemaTaken,
  // Two operations restore the same tenant at the same time.
  tenants_pkey: schemaTaken,
  domains_pkey: ({ domains }) =>
    new OperatorError('domain_taken', `A tenant with the domain "${domains.join('" or "')}" already exists.`),
};

const NOWHERE: SchemaVersion = { migratedTo: null, concurrentTo: null, migrationsApplied: 0 };

/**
 * Writes a tenant's row and domains, and returns the stored values. One statement, because each is a
 * round trip of the transaction.
 */
async function register(
  client: pg.ClientBase,
  { schema, name, domains, paidUntil = null, onTrial = true, type = 'tenant', kept }: NewTenant,
  {
    database = MAIN,
    status = kept?.status ?? 'active',
    schemaVersion: { migratedTo, concurrentTo, migrationsApplied },
  }: { database?: string; status?: string; schemaVersion: SchemaVersion },
): Promise<TenantIdentity & { version: number }> {
  const { rows } = await client.query<{ version: number }>(
    `with tenant as (
       insert into public.tenants (
         id, schema_name, name, paid_until, on_trial, type, status, key_generation, settings, database,
         migrated_to, concurrent_to, migrations_applied
       )
       values (coalesce($1, gen_random_uuid()), $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
       returning id, schema_name, role_name
     ),
     hosts as (
       insert into public.domains (domain, tenant_id, is_primary)
       select h.domain, t.id, h.place = 1
       from tenant as t
       cross join unnest($14::text[]) with ordinality as h (domain, place)
     )
     select t.id, t.schema_name as schema, t.role_name as role, current_setting('server_version_num')::integer as version
     from tenant as t`,
    [
      kept?.id ?? null,
      schema,
      name,
      paidUntil,
      onTrial,
      schema === SITE_SCHEMA ? 'site' : type,
      status,
      kept?.keyGeneration ?? 1,
      kept?.settings ?? {},
      database,
      migratedTo,
      concurrentTo,
      migrationsApplied,
      domains,
    ],
  );
  const [row] = rows;
  if (!row) {
    throw new TypeError('An insert returned no row.');
  }
  return { ...tenantIdentity.parse(row), version: row.version };
}

/** Prefix of the schemas of tenants that are created in several transactions. No request resolves to one. */
export const UNFINISHED = 'unfinished_';

/**
 * Writes the row of a tenant that is created in several transactions: with status deleted, a temporary
 * name and no domains. After a crash it is purged after a day, as any deleted tenant.
 */
async function registerUnfinished(client: pg.ClientBase, { kept }: NewTenant): Promise<TenantIdentity> {
  const schema = parseSchemaName(`${UNFINISHED}${randomBytes(6).toString('hex')}`);
  const { version, ...identity } = await register(
    client,
    {
      schema,
      name: 'unfinished',
      domains: [],
      kept: { keyGeneration: 1, settings: {}, ...kept, status: 'deleted' },
    },
    { schemaVersion: NOWHERE },
  );
  await client.query(
    `update public.tenants set deleted_at = now(), purge_after = now() + interval '1 day' where id = $1`,
    [identity.id],
  );
  return identity;
}

/** Turns an unfinished tenant into the requested one, inside the transaction of `client`. */
async function finish(
  client: pg.ClientBase,
  identity: TenantIdentity,
  { schema, name, domains, paidUntil = null, onTrial = true, type = 'tenant', kept }: NewTenant,
  status: string,
): Promise<TenantIdentity> {
  await client.query(
    `with hosts as (
       insert into public.domains (domain, tenant_id, is_primary)
       select h.domain, $1, h.place = 1
       from unnest($2::text[]) with ordinality as h (domain, place)
     )
     update public.tenants as t
     set schema_name = $3,
         name = $4,
         paid_until = $5,
         on_trial = $6,
         type = $7,
         status = $8,
         key_generation = $9,
         settings = $10,
         deleted_at = null,
         purge_after = null,
         created_at = now()
     where t.id = $1`,
    [
      identity.id,
      domains,
      schema,
      name,
      paidUntil,
      onTrial,
      schema === SITE_SCHEMA ? 'site' : type,
      status,
      kept?.keyGeneration ?? 1,
      kept?.settings ?? {},
    ],
  );
  await renameSchema(client, identity.schema, schema);
  return { ...identity, schema };
}

/** Checks that names are free before expensive work begins. @throws DomainError */
async function assertFree(client: pg.ClientBase, tenant: NewTenant): Promise<void> {
  const { rows } = await client.query<{ schema: boolean; domain: boolean }>(
    `select
       exists (select from public.tenants as t where t.schema_name = $1)
         or exists (select from pg_catalog.pg_namespace as n where n.nspname = $1) as schema,
       exists (select from public.domains as d where d.domain = any ($2::text[])) as domain`,
    [tenant.schema, tenant.domains],
  );
  const constraint = rows[0]?.schema ? 'tenants__schema_name' : rows[0]?.domain ? 'domains_pkey' : undefined;
  const taken = constraint && TAKEN[constraint]?.(tenant);
  if (taken) {
    throw taken;
  }
}

/** Drops an unfinished tenant. */
const dropUnfinished = (owner: pg.ClientConfig, identity: TenantIdentity): Promise<void> =>
  withAdminConnection(owner, async (client) => {
    await dropTenantSchema(client, identity);
    await client.query(`delete from public.tenants where id = $1 and status = 'deleted'`, [identity.id]);
  });

/** Creates row, role and schema of an unfinished tenant. */
const openUnfinished = (
  owner: pg.ClientConfig,
  service: string,
  tenant: NewTenant,
): Promise<TenantIdentity> =>
  withAdminConnection(owner, async (client) => {
    await assertFree(client, tenant);
    const identity = await registerUnfinished(client, tenant);
    await client.query(tenantSchemaSql(identity, service, await versionOf(client)));
    return identity;
  });

/**
 * Creates a tenant on main with one transaction for each migration, for migrations that need a commit
 * in between. It is not visible before the last one.
 */
export async function createInSteps(
  owner: pg.ClientConfig,
  provisioning: Pick<Provisioning, 'service'>,
  tenant: NewTenant,
  {
    migrations,
    status = tenant.kept?.status ?? 'active',
    kind = kindOf(tenant.schema),
    filling = null,
    begin = async () => {},
  }: {
    migrations: readonly TenantMigration[];
    status?: string;
    kind?: SchemaKind;
    filling?: Filling | null;
    /** Called in the transaction that finishes the tenant. */
    begin?: (client: pg.Client, identity: TenantIdentity) => Promise<void>;
  },
): Promise<TenantIdentity> {
  const identity = await openUnfinished(owner, provisioning.service, tenant);
  try {
    await migrateTenantInSteps(owner, identity, { migrations, kind, filling });
    return await withAdminConnection(owner, async (client) => {
      const finished = await finish(client, identity, tenant, status);
      await begin(client, finished);
      return finished;
    });
  } catch (error) {
    await dropUnfinished(owner, identity).catch(() => {});
    throw error;
  }
}

/** Creates a tenant in several transactions, calls `work` with it, and drops it. It is never finished. */
export async function createUnfinished<T>(
  owner: pg.ClientConfig,
  service: string,
  { migrations, kind }: { migrations: readonly TenantMigration[]; kind: SchemaKind },
  work: (client: pg.Client, schema: SchemaName) => Promise<T>,
): Promise<T> {
  const tenant = { schema: parseSchemaName('unfinished'), name: 'unfinished', domains: [] };
  const identity = await openUnfinished(owner, service, tenant);
  try {
    await migrateTenantInSteps(owner, identity, { migrations, kind, filling: null });
    return await withAdminConnection(owner, (client) => work(client, identity.schema));
  } finally {
    await dropUnfinished(owner, identity);
  }
}

/** Migrates a tenant whose role and schema exist, in several transactions, and loads its rows. */
async function migrateTenantInSteps(
  owner: pg.ClientConfig,
  identity: TenantIdentity,
  {
    migrations,
    kind,
    filling,
  }: { migrations: readonly TenantMigration[]; kind: SchemaKind; filling: Filling | null },
): Promise<void> {
  const to = filling ? targetOf(migrationsOn(kind, migrations), filling.migrations) : undefined;
  await migrateInSteps(owner, identity, { migrations, kind, to });
  await withAdminConnection(owner, async (client) => {
    await markDue(client, identity);
    await filling?.fill(client, identity);
  });
  if (filling) {
    await migrateInSteps(owner, identity, { migrations, kind });
  }
}

/**
 * As `createTenantSchema`, for a tenant whose row exists, in several transactions. `first` begins the
 * first one.
 */
export async function createTenantSchemaInSteps(
  owner: pg.ClientConfig,
  { service, project }: Provisioning,
  identity: TenantIdentity,
  { filling = null, first }: { filling?: Filling | null; first: (client: pg.Client) => Promise<void> },
): Promise<void> {
  await withAdminConnection(owner, async (client) => {
    await first(client);
    await client.query(tenantSchemaSql(identity, service, await versionOf(client)));
  });
  const migrations = await loadTenantMigrations(project);
  await migrateTenantInSteps(owner, identity, { migrations, kind: kindOf(identity.schema), filling });
  await withAdminConnection(owner, (client) =>
    runHooks(client, project, filling?.hook ?? 'onTenantCreated', identity),
  );
}

/** Writes a tenant's registry row and domains, before its schema is created in `database`. */
export const insertTenant = (
  client: pg.ClientBase,
  tenant: NewTenant,
  database: string,
): Promise<TenantIdentity> => register(client, tenant, { database, schemaVersion: NOWHERE });

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
    create schema ${pg.escapeIdentifier(schema)} authorization tenant_owner`;
};

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
  await client.query(tenantSchemaSql(identity, service, await versionOf(client)));
  const migrations = await loadTenantMigrations(project);
  const to = count === undefined ? undefined : targetOf(migrationsFor(identity.schema, migrations), count);
  await migrateInside(client, identity, { migrations, to });
  await markDue(client, identity);
}

/** The name of the last of the first `count` migrations. */
const targetOf = (migrations: readonly TenantMigration[], count: number): string =>
  migrations[count - 1]?.name ?? ZERO;

/** Loaded rows fire no trigger: this marks pending mail among them as due work. */
const markDue = (client: pg.ClientBase, { schema }: Pick<TenantIdentity, 'schema'>): Promise<unknown> =>
  client.query(`set local role tenant_owner; select tenancy.enter_owner(${pg.escapeLiteral(schema)});
    select tenancy.mark_due('mail'); ${LEAVE}`);

async function versionOf(client: pg.ClientBase): Promise<number> {
  const { rows } = await client.query<{ version: number }>(
    `select current_setting('server_version_num')::integer as version`,
  );
  return rows[0]?.version ?? 0;
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
  const { version, ...identity } = await register(client, tenant, { status, schemaVersion });
  await client.query(`${tenantSchemaSql(identity, service, version)}; ${historySql(identity)}`);
  await applyMigrations(client, identity, { direction: 'up', steps }, { after: LEAVE });
  return identity;
}

/**
 * Creates a tenant or a spare: in one transaction, or in several if its migrations need a commit in
 * between.
 */
export async function createTenant(
  owner: pg.ClientConfig,
  service: string,
  tenant: NewTenant,
  options: { migrations: readonly TenantMigration[]; status?: 'active' | 'spare'; kind?: SchemaKind },
): Promise<TenantIdentity> {
  try {
    return await withAdminConnection(owner, (client) => createInside(client, service, tenant, options));
  } catch (error) {
    if (!needsCommit(error)) {
      throw error;
    }
    return createInSteps(owner, { service }, tenant, options);
  }
}

/**
 * Creates a tenant: its registry row, domains, role, schema, tables and policies, and its initial
 * rows, in one transaction. A failure or a crash leaves nothing. Claims a spare, which avoids the DDL,
 * if there is one and no rows are to be loaded.
 *
 * If migrations need a commit in between, the tenant is created in several transactions under a
 * temporary name. Until the last one it is a deleted tenant, which `purge-tenants` removes after a
 * crash.
 *
 * @throws OperatorError `schema_name_taken` or `domain_taken`, and what `fill` throws
 */
export async function provisionTenant(
  owner: pg.ClientConfig,
  provisioning: Provisioning,
  tenant: NewTenant,
  filling: Filling | null = null,
  begin: Begin = async () => {},
): Promise<TenantId> {
  return explainTaken(tenant, async () => {
    const migrations = await loadTenantMigrations(provisioning.project);
    try {
      return await withAdminConnection(owner, async (client) => {
        if (filling || tenant.kept) {
          const identity = await insertTenant(client, tenant, MAIN);
          await createTenantSchema(client, provisioning, identity, filling);
          await begin(client);
          return identity.id;
        }
        const spare = tenant.schema === SITE_SCHEMA ? null : await claimSpare(client, tenant, migrations);
        const identity = spare ?? (await createInside(client, provisioning.service, tenant, { migrations }));
        await runHooks(client, provisioning.project, 'onTenantCreated', identity);
        await begin(client);
        return identity.id;
      });
    } catch (error) {
      if (!needsCommit(error)) {
        throw error;
      }
      const made = await createInSteps(owner, provisioning, tenant, {
        migrations,
        filling,
        begin: async (client, identity) => {
          await runHooks(client, provisioning.project, filling?.hook ?? 'onTenantCreated', identity);
          await begin(client);
        },
      });
      return made.id;
    }
  });
}

/**
 * Runs `work`, and translates the database's uniqueness errors.
 *
 * @throws OperatorError `schema_name_taken` or `domain_taken`
 */
export async function explainTaken<T>(tenant: NewTenant, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const { constraint } = error as { constraint?: string };
    // A schema that was created by hand has no tenant's row.
    const taken =
      TAKEN[hasSqlState(error, SQLSTATE.DUPLICATE_SCHEMA) ? 'tenants__schema_name' : (constraint ?? '')];
    throw taken?.(tenant) ?? error;
  }
}

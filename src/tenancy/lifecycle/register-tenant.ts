import type pg from 'pg';

import { hasSqlState, SQLSTATE } from '../../db/sqlstate.ts';
import { type DomainError, OperatorError } from '../../errors.ts';
import type { SchemaVersion } from '../migrations/migrate-tenant.ts';
import { MAIN } from '../registry/databases.ts';
import { SITE_SCHEMA, type TenantIdentity, tenantIdentity } from '../registry/tenant.ts';
import type { NewTenant } from './new-tenant.ts';
import { renameSchema } from './rename-schema.ts';

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
    new OperatorError(
      'domain_taken',
      `A tenant with the domain "${domains.join('" or "')}" already exists. Choose another domain.`,
    ),
};

/** The schema version of a tenant without tables. */
const NO_MIGRATIONS: SchemaVersion = {
  migratedTo: null,
  concurrentTo: null,
  migrationsApplied: 0,
  transactionalApplied: 0,
};

/** Returns the columns of a new tenant's row that do not depend on how it is created. */
const columnsOf = ({ schema, name, paidUntil = null, onTrial = true, type = 'tenant' }: NewTenant) =>
  [schema, name, paidUntil, onTrial, schema === SITE_SCHEMA ? 'site' : type] as const;

/** Returns an insert of the domains in $1. The first one is the primary domain. */
const insertDomains = (tenants: string): string =>
  `insert into public.domains (domain, tenant_id, is_primary)
   select h.domain, t.id, h.place = 1
   from ${tenants} as t
   cross join unnest($1::text[]) with ordinality as h (domain, place)`;

/**
 * Writes a tenant's row and domains, and returns the stored values. One statement, because each is a
 * round trip of the transaction.
 */
export async function registerTenant(
  client: pg.ClientBase,
  tenant: NewTenant,
  {
    database = MAIN,
    status = tenant.preserved?.status ?? 'active',
    schemaVersion: { migratedTo, concurrentTo, migrationsApplied, transactionalApplied } = NO_MIGRATIONS,
  }: { database?: string; status?: string; schemaVersion?: SchemaVersion } = {},
): Promise<TenantIdentity & { version: number }> {
  const { rows } = await client.query<{ version: number }>(
    `with tenant as (
       insert into public.tenants (
         schema_name, name, paid_until, on_trial, type, id, status, key_generation, settings, database,
         migrated_to, concurrent_to, migrations_applied, transactional_applied
       )
       values ($2, $3, $4, $5, $6, coalesce($7, gen_random_uuid()), $8, $9, $10, $11, $12, $13, $14, $15)
       returning id, schema_name, role_name
     ),
     hosts as (${insertDomains('tenant')})
     select t.id, t.schema_name as schema, t.role_name as role, current_setting('server_version_num')::integer as version
     from tenant as t`,
    [
      tenant.domains,
      ...columnsOf(tenant),
      tenant.preserved?.id ?? null,
      status,
      tenant.preserved?.keyGeneration ?? 1,
      tenant.preserved?.settings ?? {},
      database,
      migratedTo,
      concurrentTo,
      migrationsApplied,
      transactionalApplied,
    ],
  );
  const [row] = rows;
  if (!row) {
    throw new TypeError('An insert returned no row.');
  }
  return { ...tenantIdentity.parse(row), version: row.version };
}

/**
 * Gives the row of an unfinished tenant or of a spare the values of a new tenant, writes its domains
 * and renames its schema, inside the transaction of `client`. Id and role stay the same.
 */
export async function adoptRow(
  client: pg.ClientBase,
  identity: TenantIdentity,
  tenant: NewTenant,
  status: string,
): Promise<TenantIdentity> {
  const { schema, preserved } = tenant;
  await client.query(
    `with hosts as (${insertDomains('(select $7::uuid as id)')})
     update public.tenants as t
     set schema_name = $2,
         name = $3,
         paid_until = $4,
         on_trial = $5,
         type = $6,
         status = $8,
         key_generation = coalesce($9, t.key_generation),
         settings = coalesce($10, t.settings),
         deleted_at = null,
         purge_after = null,
         created_at = now()
     where t.id = $7::uuid`,
    [
      tenant.domains,
      ...columnsOf(tenant),
      identity.id,
      status,
      preserved?.keyGeneration ?? null,
      preserved?.settings ?? null,
    ],
  );
  await renameSchema(client, identity.schema, schema);
  return { ...identity, schema };
}

/** Checks that names are free before expensive work begins. @throws DomainError */
export async function assertFree(client: pg.ClientBase, tenant: NewTenant): Promise<void> {
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

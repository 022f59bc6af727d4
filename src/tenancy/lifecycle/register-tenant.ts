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
    new OperatorError('domain_taken', `A tenant with the domain "${domains.join('" or "')}" already exists.`),
};

/** The schema version of a tenant without tables. */
const NO_MIGRATIONS: SchemaVersion = {
  migratedTo: null,
  concurrentTo: null,
  migrationsApplied: 0,
  transactionalApplied: 0,
};

/**
 * Writes a tenant's row and domains, and returns the stored values. One statement, because each is a
 * round trip of the transaction.
 */
export async function registerTenant(
  client: pg.ClientBase,
  { schema, name, domains, paidUntil = null, onTrial = true, type = 'tenant', preserved }: NewTenant,
  {
    database = MAIN,
    status = preserved?.status ?? 'active',
    schemaVersion: { migratedTo, concurrentTo, migrationsApplied, transactionalApplied } = NO_MIGRATIONS,
  }: { database?: string; status?: string; schemaVersion?: SchemaVersion } = {},
): Promise<TenantIdentity & { version: number }> {
  const { rows } = await client.query<{ version: number }>(
    `with tenant as (
       insert into public.tenants (
         id, schema_name, name, paid_until, on_trial, type, status, key_generation, settings, database,
         migrated_to, concurrent_to, migrations_applied, transactional_applied
       )
       values (coalesce($1, gen_random_uuid()), $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)
       returning id, schema_name, role_name
     ),
     hosts as (
       insert into public.domains (domain, tenant_id, is_primary)
       select h.domain, t.id, h.place = 1
       from tenant as t
       cross join unnest($15::text[]) with ordinality as h (domain, place)
     )
     select t.id, t.schema_name as schema, t.role_name as role, current_setting('server_version_num')::integer as version
     from tenant as t`,
    [
      preserved?.id ?? null,
      schema,
      name,
      paidUntil,
      onTrial,
      schema === SITE_SCHEMA ? 'site' : type,
      status,
      preserved?.keyGeneration ?? 1,
      preserved?.settings ?? {},
      database,
      migratedTo,
      concurrentTo,
      migrationsApplied,
      transactionalApplied,
      domains,
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
  { schema, name, domains, paidUntil = null, onTrial = true, type = 'tenant', preserved }: NewTenant,
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
         key_generation = coalesce($9, t.key_generation),
         settings = coalesce($10, t.settings),
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

import pg from 'pg';

import { withOwner } from '../db/owner-client.ts';
import { DomainError } from '../errors.ts';
import { applySteps } from './apply-steps.ts';
import { claimSpare } from './claim-spare.ts';
import { ledgerSql } from './ledger.ts';
import { membershipOptionsOf } from './membership.ts';
import { LEAVE, migrationsFor, type Place, placeOf } from './migrate-tenant.ts';
import { type DomainName, type SchemaName, SITE_SCHEMA, type TenantId, tenantId } from './tenant.ts';
import { loadTenantMigrations, type TenantMigration } from './tenant-migrations.ts';

export type NewTenant = Readonly<{
  schema: SchemaName;
  name: string;
  /** The first one is the primary domain. */
  domains: readonly DomainName[];
  /** Last paid day, `YYYY-MM-DD`; null while nobody has asked to be paid. */
  paidUntil?: string | null;
  onTrial?: boolean;
  type?: string;
}>;

const TAKEN: Readonly<Record<string, (tenant: NewTenant) => DomainError>> = {
  tenants__schema_name: ({ schema }) =>
    new DomainError(
      'schema_name_taken',
      `A tenant with the schema "${schema}" exists already; choose another name.`,
    ),
  domains_pkey: ({ domains }) =>
    new DomainError('domain_taken', `A tenant with the domain "${domains.join('" or "')}" exists already.`),
};

/** A schema that is in no tenant's row: made by hand. */
const DUPLICATE_SCHEMA = '42P06';

/**
 * Writes a tenant's row, as it will be, and domains, and answers what PostgreSQL made of them.
 * In one statement, since each is a round trip of the transaction.
 */
async function register(
  client: pg.ClientBase,
  { schema, name, domains, paidUntil = null, onTrial = true, type = 'tenant' }: NewTenant,
  status: 'active' | 'spare',
  { migratedTo, concurrentTo, applied }: Place,
): Promise<{ id: TenantId; role: string; version: number }> {
  const { rows } = await client.query<{ id: string; role: string; version: number }>(
    `with tenant as (
       insert into public.tenants
         (schema_name, name, paid_until, on_trial, type, status, migrated_to, concurrent_to, migrations_applied)
       values ($1, $2, $3, $4, $5, $6, $8, $9, $10)
       returning id, role_name
     ),
     hosts as (
       insert into public.domains (domain, tenant_id, is_primary)
       select h.domain, t.id, h.place = 1
       from tenant as t
       cross join unnest($7::text[]) with ordinality as h (domain, place)
     )
     select t.id, t.role_name as role, current_setting('server_version_num')::integer as version
     from tenant as t`,
    [
      schema,
      name,
      paidUntil,
      onTrial,
      schema === SITE_SCHEMA ? 'site' : type,
      status,
      domains,
      migratedTo,
      concurrentTo,
      applied,
    ],
  );
  const [row] = rows;
  if (!row) {
    throw new TypeError('An insert answered no row.');
  }
  return { ...row, id: tenantId.parse(row.id) };
}

/** Makes a tenant, or a spare, with all its DDL inside the transaction of `client`. */
export async function createInside(
  client: pg.ClientBase,
  service: string,
  tenant: NewTenant,
  { migrations, status = 'active' }: { migrations: readonly TenantMigration[]; status?: 'active' | 'spare' },
): Promise<{ id: TenantId; role: string }> {
  const wanted = migrationsFor(tenant.schema, migrations);
  const place = placeOf(
    wanted.map((one) => one.name),
    migrations,
  );
  const { id, role, version } = await register(client, tenant, status, place);
  const made = { schema: tenant.schema, role };
  const name = pg.escapeIdentifier(role);
  await client.query(
    `create role ${name} nologin;
     grant ${name} to ${pg.escapeIdentifier(service)}${membershipOptionsOf(version)};
     create schema ${pg.escapeIdentifier(tenant.schema)} authorization tenant_owner;
     ${ledgerSql(made)}`,
  );
  await applySteps(client, made, { direction: 'up', steps: wanted }, { after: LEAVE });
  return { id, role };
}

/**
 * Creates a tenant: its registry row, domains, role, schema, tables and
 * policies, in one transaction. A failure, and the death of this process, leave
 * nothing of it. Takes a spare where there is one, which spares the DDL.
 *
 * @throws DomainError `schema_name_taken` or `domain_taken`
 */
export async function provisionTenant(
  owner: pg.ClientConfig,
  service: string,
  tenant: NewTenant,
): Promise<TenantId> {
  try {
    const migrations = await loadTenantMigrations();
    return await withOwner(owner, async (client) => {
      const spare = tenant.schema === SITE_SCHEMA ? null : await claimSpare(client, tenant, migrations);
      return (spare ?? (await createInside(client, service, tenant, { migrations }))).id;
    });
  } catch (error) {
    const { constraint, code } = error as { constraint?: string; code?: string };
    const taken = TAKEN[code === DUPLICATE_SCHEMA ? 'tenants__schema_name' : (constraint ?? '')];
    throw taken?.(tenant) ?? error;
  }
}

import pg from 'pg';

import { withOwner } from '../db/owner-client.ts';
import { DomainError } from '../errors.ts';
import { membershipOptions } from './membership.ts';
import { migrateInside } from './migrate-tenant.ts';
import { type DomainName, type SchemaName, SITE_SCHEMA, type TenantId, tenantId } from './tenant.ts';

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

async function create(client: pg.Client, service: string, tenant: NewTenant): Promise<TenantId> {
  const { rows } = await client.query<{ id: string; role_name: string }>(
    `insert into public.tenants (schema_name, name, paid_until, on_trial, type)
     values ($1, $2, $3, $4, $5)
     returning id, role_name`,
    [
      tenant.schema,
      tenant.name,
      tenant.paidUntil ?? null,
      tenant.onTrial ?? true,
      tenant.schema === SITE_SCHEMA ? 'site' : (tenant.type ?? 'tenant'),
    ],
  );
  const row = rows[0];
  if (!row) {
    throw new TypeError('An insert answered no row.');
  }
  for (const [index, domain] of tenant.domains.entries()) {
    await client.query('insert into public.domains (domain, tenant_id, is_primary) values ($1, $2, $3)', [
      domain,
      row.id,
      index === 0,
    ]);
  }

  const role = pg.escapeIdentifier(row.role_name);
  await client.query(`create role ${role} nologin`);
  await client.query(`grant ${role} to ${pg.escapeIdentifier(service)}${await membershipOptions(client)}`);
  await client.query(`create schema ${pg.escapeIdentifier(tenant.schema)} authorization tenant_owner`);
  await migrateInside(client, { schema: tenant.schema, role: row.role_name });
  return tenantId.parse(row.id);
}

/**
 * Creates a tenant: its registry row, domains, role, schema, tables and
 * policies, in one transaction. A failure, and the death of this process, leave
 * nothing of it.
 *
 * @throws DomainError `schema_name_taken` or `domain_taken`
 */
export async function provisionTenant(
  owner: pg.ClientConfig,
  service: string,
  tenant: NewTenant,
): Promise<TenantId> {
  try {
    return await withOwner(owner, (client) => create(client, service, tenant));
  } catch (error) {
    const { constraint, code } = error as { constraint?: string; code?: string };
    const taken = TAKEN[code === DUPLICATE_SCHEMA ? 'tenants__schema_name' : (constraint ?? '')];
    throw taken?.(tenant) ?? error;
  }
}

import type pg from 'pg';

import { ApiError, type DomainError, OperatorError } from '../../errors.ts';
import { MAIN } from './databases.ts';
import { type Tenant, tenantRow } from './tenant.ts';

const COLUMNS = `
      t.id,
      t.schema_name as schema,
      t.role_name as role,
      t.name,
      t.status,
      t.type,
      t.database,
      t.on_trial as "onTrial",
      -- The same under every DateStyle.
      case
        when isfinite(t.paid_until) then
          to_char(t.paid_until, 'YYYY-MM-DD') || case when t.paid_until < '0001-01-01' then ' BC' else '' end
        else t.paid_until::text
      end as "paidUntil",
      t.settings,
      t.key_generation as "keyGeneration",
      t.migrated_to as "migratedTo",
      t.concurrent_to as "concurrentTo",
      t.migrations_applied as "migrationsApplied",
      t.transactional_applied as "transactionalApplied",
      coalesce(
        array_agg(d.domain order by d.is_primary desc, d.domain) filter (where d.domain is not null),
        '{}'
      ) as domains,
      t.retry_after as "retryAfter",
      t.deleted_at as "deletedAt",
      t.purge_after as "purgeAfter",
      t.purge_started_at as "purgeStartedAt",
      t.created_at as "createdAt"`;

/**
 * Returns every tenant except the public site and the spares, by schema name, with the primary domain
 * first.
 */
export async function listTenants(client: pg.ClientBase): Promise<readonly Tenant[]> {
  const { rows } = await client.query(`
    select ${COLUMNS}
    from public.tenants as t
    left join public.domains as d on d.tenant_id = t.id
    where t.type <> 'site'
      and t.status <> 'spare'
    group by t.id
    order by t.schema_name
  `);
  return rows.map((row) => tenantRow.parse(row));
}

/**
 * Returns deleted tenants whose retention has expired, and those whose purge was interrupted, the
 * oldest first.
 */
export async function listPurgeable(client: pg.ClientBase): Promise<readonly Tenant[]> {
  const { rows } = await client.query(`
    select ${COLUMNS}
    from public.tenants as t
    left join public.domains as d on d.tenant_id = t.id
    where t.status = 'deleted'
      and (t.purge_after <= now() or t.purge_started_at is not null)
    group by t.id
    order by t.purge_after, t.schema_name
  `);
  return rows.map((row) => tenantRow.parse(row));
}

/**
 * Returns the tenant of a schema, with any status, including the public site.
 *
 * @throws DomainError `tenant_not_found`
 */
export async function findTenant(client: pg.ClientBase, schema: string): Promise<Tenant> {
  const { rows } = await client.query(
    `
    select ${COLUMNS}
    from public.tenants as t
    left join public.domains as d on d.tenant_id = t.id
    where t.schema_name = $1
    group by t.id
  `,
    [schema],
  );
  if (rows.length === 0) {
    throw noSuchTenant(schema);
  }
  return tenantRow.parse(rows[0]);
}

/**
 * As `findTenant`, and locks the row until the transaction of `client` ends: status changes,
 * migrations and deletions of one tenant are serialized.
 *
 * @throws DomainError `tenant_not_found`
 */
export async function claimTenant(client: pg.ClientBase, schema: string): Promise<Tenant> {
  await client.query(
    `
    select
    from public.tenants as t
    where t.schema_name = $1
    for no key update
  `,
    [schema],
  );
  return findTenant(client, schema);
}

/**
 * Checks that a tenant is in main. Operations on a tenant's schema itself are possible only there.
 *
 * @throws OperatorError `precondition_failed` for a tenant in another database
 */
export function assertOnMain({ schema, database }: Pick<Tenant, 'schema' | 'database'>): void {
  if (database !== MAIN) {
    throw new OperatorError(
      'precondition_failed',
      `"${schema}" is on the database "${database}". Run \`move-tenant --schema ${schema} --to ${MAIN}\` first.`,
    );
  }
}

/** Creates the error for an operator who named an unknown schema. */
export const noSuchTenant = (schema: string): DomainError =>
  new ApiError(
    'tenant_not_found',
    `No tenant has the schema "${schema}". \`list-tenants\` lists all tenants.`,
  );

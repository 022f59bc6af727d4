import type pg from 'pg';

import type { Finding } from '../../db/checks.ts';

/**
 * Returns findings for tenants whose schema or role is missing, and for schemas without a tenant.
 * Reads the registry, which the service may not: for `tenants check` only.
 */
export async function checkSchemas(client: pg.ClientBase): Promise<readonly Finding[]> {
  const { rows } = await client.query<Omit<Finding, 'check' | 'severity'>>(`
    select
      format('tenant %s', t.schema_name) as object,
      case when n.oid is null then 'has no schema' else 'has no role' end as fault,
      'restore it from a dump, or delete the tenant' as remedy
    from public.tenants as t
    left join pg_catalog.pg_namespace as n on n.nspname = t.schema_name
    left join pg_catalog.pg_roles as r on r.rolname = t.role_name
    where t.status <> 'deleted'
      and t.database = (select i.database from tenancy.installation as i)
      and (n.oid is null or r.oid is null)

    union all

    select
      format('schema %I', n.nspname),
      'belongs to no tenant',
      format('find out whose it is; keep a copy with pg_dump --schema=%I before you drop it', n.nspname)
    from pg_catalog.pg_namespace as n
    where n.nspowner = 'tenant_owner'::regrole
      and not exists (
        select
        from public.tenants as t
        where t.schema_name = n.nspname
      )
      and not exists (
        select
        from tenancy.retained_copies as k
        where k.schema_name = n.nspname
      )

    order by object
  `);
  return rows.map((row) => ({ check: 'tenant-schemas', severity: 'fault', ...row }));
}

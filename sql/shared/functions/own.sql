-- functions/own.sql: the registry data that a tenant may read about itself.

create or replace function tenancy.my_tenant()
returns table (
  id uuid,
  schema_name text,
  name text,
  paid_until date,
  on_trial boolean,
  status text,
  settings jsonb,
  key_generation integer,
  created_at timestamptz
)
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
  select t.id, t.schema_name, t.name, t.paid_until, t.on_trial, t.status, t.settings, t.key_generation, t.created_at
  from public.tenants as t
  where t.role_name = tenancy.current_tenant()
$$;

comment on function tenancy.my_tenant() is 'Returns the registry row of the current tenant. No row outside a tenant.';


create or replace function tenancy.my_domains()
returns table (domain text, is_primary boolean)
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
  select d.domain, d.is_primary
  from public.domains as d
  join public.tenants as t on t.id = d.tenant_id
  where t.role_name = tenancy.current_tenant()
  order by d.is_primary desc, d.domain
$$;

comment on function tenancy.my_domains() is 'Returns the domains of the current tenant, primary domain first.';


-- With the value of the TXT record, which the tenant's DNS must contain.
create or replace function tenancy.my_domain_records()
returns table (domain text, is_primary boolean, verified_at timestamptz, verification_token text)
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
  select d.domain, d.is_primary, d.verified_at, d.verification_token
  from public.domains as d
  join public.tenants as t on t.id = d.tenant_id
  where t.role_name = tenancy.current_tenant()
  order by d.is_primary desc, d.domain
$$;

comment on function tenancy.my_domain_records() is
  'Returns the domains of the current tenant and their verification, primary domain first.';


-- The size functions are revoked because they show the size of other tenants. The number of pages is that
-- of the last vacuum.
create or replace function tenancy.my_subscription()
returns table (plan text, storage_bytes bigint)
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
  select
    (select s.plan from tenancy.subscriptions as s where s.tenant_id = t.id),
    (
      select coalesce(sum(c.relpages::bigint), 0)::bigint * current_setting('block_size')::bigint
      from pg_class as r
      join pg_class as c
        on c.oid in (r.oid, r.reltoastrelid)
        or c.oid in (select i.indexrelid from pg_index as i where i.indrelid in (r.oid, r.reltoastrelid))
      where r.relnamespace = (select n.oid from pg_namespace as n where n.nspname = t.schema_name)
        and r.relkind = 'r'
    )
  from public.tenants as t
  where t.role_name = tenancy.current_tenant()
$$;

comment on function tenancy.my_subscription() is
  'Returns the plan of the current tenant, and the size of its tables and indexes. No row outside a tenant.';

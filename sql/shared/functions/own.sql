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

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


create or replace function tenancy.newest_payments(p_tenant uuid) returns jsonb
language sql stable
set search_path = pg_catalog, pg_temp
set timezone = 'UTC'
as $$
  select coalesce(jsonb_agg(to_jsonb(n) order by n.recorded_at desc, n.reference), '[]')
  from (
    select p.reference, p.paid_until, p.amount::text as amount, p.currency, p.recorded_at
    from tenancy.payments as p
    where p.tenant_id = p_tenant
    order by p.recorded_at desc, p.reference
    limit 24
  ) as n
$$;


create or replace function tenancy.my_subscription()
returns table (plan text, storage_bytes bigint, payments jsonb)
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
  select
    s.plan,
    tenancy.stored_pages(t.schema_name) * current_setting('block_size')::bigint,
    coalesce(s.copied_payments, tenancy.newest_payments(t.id))
  from public.tenants as t
  left join tenancy.subscriptions as s on s.tenant_id = t.id
  where t.role_name = tenancy.current_tenant()
$$;

comment on function tenancy.my_subscription() is
  'Returns the plan of the current tenant, its storage as of the last vacuum, and its newest payments. No row outside a tenant.';

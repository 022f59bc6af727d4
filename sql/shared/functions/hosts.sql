-- functions/hosts.sql: the data that the service reads before it enters a tenant.

create or replace function tenancy.resolve_host(p_host text)
returns table (
  tenant_id uuid,
  status text,
  is_site boolean,
  key_generation integer,
  migrated_to text,
  transactional_applied integer,
  retry_after integer,
  verified boolean,
  primary_domain text,
  primary_verified boolean
)
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
  select
    t.id,
    case
      when t.status = 'active' and not t.on_trial and t.paid_until < (now() at time zone 'UTC')::date then 'unpaid'
      else t.status
    end,
    t.type = 'site',
    t.key_generation,
    t.migrated_to,
    t.transactional_applied,
    coalesce(t.retry_after, 60),
    d.verified_at is not null,
    p.domain,
    p.verified_at is not null
  from public.domains as d
  join public.tenants as t on t.id = d.tenant_id
  join public.domains as p on p.tenant_id = t.id and p.is_primary
  where d.domain = p_host
    and t.status not in ('deleted', 'spare')
$$;

comment on function tenancy.resolve_host(text) is
  'Returns what the service may read of a tenant before it enters it. No row if no tenant has the host.';


create or replace function tenancy.database_of(p_tenant uuid) returns text
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
  select t.database
  from public.tenants as t
  where t.id = p_tenant
$$;

comment on function tenancy.database_of(uuid) is
  'Returns the name of a tenant''s database. The service chooses its pool by it.';

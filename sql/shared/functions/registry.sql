-- functions/registry.sql: triggers of the registry's tables.

-- A unique index allows at most one primary domain. This trigger requires one at
-- commit, so that two domains may swap.
create or replace function tenancy.require_primary_domain() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_tenant uuid;
begin
  -- Both ends of a domain that moves from one tenant to another.
  for v_tenant in select distinct t.id from unnest(array[old.tenant_id, new.tenant_id]) as t (id) loop
    if exists (select from public.domains as d where d.tenant_id = v_tenant)
       and not exists (select from public.domains as d where d.tenant_id = v_tenant and d.is_primary) then
      raise exception 'a tenant with domains must have one primary domain'
        using errcode = '23514', constraint = 'domains__primary_required', schema = 'public', table = 'domains';
    end if;
  end loop;
  return null;
end
$$;


-- Every process of the service deletes its cached entries of the tenant. The payload is an id
-- and a hint: a forged one costs a lookup.
create or replace function tenancy.notify_change() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  if tg_table_name = 'tenants' then
    perform pg_notify('koa_tenants', coalesce(new.id, old.id)::text);
    -- Processes may have cached the hosts of a deleted or spare tenant as unknown.
    if tg_op = 'UPDATE' and new.status <> old.status then
      perform pg_notify('koa_tenants', 'host:' || d.domain)
      from public.domains as d
      where d.tenant_id = new.id;
    end if;
  else
    perform pg_notify('koa_tenants', coalesce(old.tenant_id, new.tenant_id)::text);
    perform pg_notify('koa_tenants', coalesce(new.tenant_id, old.tenant_id)::text);
    -- Processes may have cached the host as unknown. That entry is found by host, not by tenant.
    perform pg_notify('koa_tenants', 'host:' || coalesce(old.domain, new.domain));
    perform pg_notify('koa_tenants', 'host:' || coalesce(new.domain, old.domain));
  end if;
  return null;
end
$$;

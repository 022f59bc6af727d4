-- registry.sql: which tenants there are, and the hosts that lead to them.
--
-- Owned by tenancy_owner. No tenant role and not even the service's login may
-- read these tables: they ask the functions of functions.sql, which answer for
-- one host or for the tenant that is inside.

create table public.tenants (
  id uuid not null default gen_random_uuid(),
  schema_name text not null,
  role_name text not null generated always as ('t_' || replace(id::text, '-', '')) stored,
  name text not null,
  paid_until date,
  on_trial boolean not null default true,
  status text not null default 'active',
  type text not null default 'tenant',
  database text not null default 'main',
  settings jsonb not null default '{}',
  key_generation integer not null default 1,
  migrated_to text,
  created_at timestamptz not null default now(),
  constraint tenants_pkey primary key (id),
  constraint tenants__schema_name unique (schema_name),
  constraint tenants__role_name unique (role_name),
  constraint tenants__schema_name_form check (
    schema_name ~ '^[a-z][a-z0-9_]{0,47}$'
    and schema_name !~ '^pg_'
    and schema_name not in ('public', 'tenancy', 'tenancy_migrations', 'information_schema')
    and (schema_name = 'site') = (type = 'site')
  ),
  constraint tenants__name_length check (length(name) between 1 and 255),
  constraint tenants__status check (
    status in ('active', 'suspended', 'maintenance', 'moving', 'deleted', 'spare')
  ),
  constraint tenants__settings_object check (jsonb_typeof(settings) = 'object'),
  constraint tenants__key_generation check (key_generation > 0)
);

comment on table public.tenants is
  'A customer: one row, one schema, one NOLOGIN role. The row of type site is the public host.';
comment on column public.tenants.role_name is
  'Made of the id, because roles belong to the whole cluster and their names are visible to everyone.';
comment on column public.tenants.paid_until is
  'Last paid day, which ends at midnight UTC. Null: never asked to pay.';
comment on column public.tenants.database is
  'Name of the configured PostgreSQL server that holds the schema.';
comment on column public.tenants.key_generation is
  'Generation of the token signing key. Raising it makes every older token worthless.';
comment on column public.tenants.migrated_to is
  'Name of the last tenant migration applied, so that an up-to-date fleet costs one query.';

create table public.domains (
  domain text not null,
  tenant_id uuid not null,
  is_primary boolean not null default false,
  created_at timestamptz not null default now(),
  constraint domains_pkey primary key (domain),
  constraint domains__tenant foreign key (tenant_id) references public.tenants (id) on delete cascade,
  constraint domains__domain_form check (
    length(domain) <= 253
    and domain ~ '^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)*[a-z]([a-z0-9-]{0,61}[a-z0-9])?$'
  )
);

comment on table public.domains is
  'A host name that leads to a tenant: lower case, no port, no trailing dot.';

create index domains__tenant_id on public.domains (tenant_id);

create unique index domains__one_primary on public.domains (tenant_id) where is_primary;


-- The unique index says "at most one". This says "at least one", at commit, so
-- that a swap of primaries may pass through a moment without.
create function tenancy.require_primary_domain() returns trigger
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

create constraint trigger domains__primary_required
  after insert or update or delete on public.domains
  deferrable initially deferred
  for each row execute function tenancy.require_primary_domain();


-- Every process drops what it remembers of the tenant. The payload is an id
-- and a hint: anyone may send one, and it costs a look-up.
create function tenancy.announce_change() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  if tg_table_name = 'tenants' then
    perform pg_notify('koa_tenants', coalesce(new.id, old.id)::text);
    -- While it was deleted or a spare its hosts were unknown, and remembered as that.
    if tg_op = 'UPDATE' and new.status <> old.status then
      perform pg_notify('koa_tenants', 'host:' || d.domain)
      from public.domains as d
      where d.tenant_id = new.id;
    end if;
  else
    perform pg_notify('koa_tenants', coalesce(old.tenant_id, new.tenant_id)::text);
    perform pg_notify('koa_tenants', coalesce(new.tenant_id, old.tenant_id)::text);
    -- A name that was unknown is remembered as unknown: the host itself says which.
    perform pg_notify('koa_tenants', 'host:' || coalesce(old.domain, new.domain));
    perform pg_notify('koa_tenants', 'host:' || coalesce(new.domain, old.domain));
  end if;
  return null;
end
$$;

create trigger tenants__announce
  after insert or update or delete on public.tenants
  for each row execute function tenancy.announce_change();

create trigger domains__announce
  after insert or update or delete on public.domains
  for each row execute function tenancy.announce_change();

-- databases.sql: tenants that live on another PostgreSQL server than main.
--
-- The registry of main says where each tenant lives. Every further database has
-- a copy of the rows of its own tenants, so that its doors can answer for them;
-- the copies are kept in step by the migrating login.

alter table tenancy.installation
  add column database text not null default 'main',
  add constraint installation__database_form check (database ~ '^[a-z][a-z0-9_-]{0,31}$');

comment on column tenancy.installation.database is
  'What this database is called in DATABASES: only tenants that live here may be entered here.';

alter table public.tenants
  add constraint tenants__database_form check (database ~ '^[a-z][a-z0-9_-]{0,31}$');


create function tenancy.database_of(p_tenant uuid) returns text
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
  select t.database
  from public.tenants as t
  where t.id = p_tenant
$$;

comment on function tenancy.database_of(uuid) is
  'Where a tenant lives, for the service to choose the pool that it enters through.';


-- As in functions.sql, and besides: refuses a tenant that lives elsewhere. After
-- a move the rows that it left behind here are not its rows any more.
create or replace function tenancy.enter(p_tenant uuid, p_expires bigint, p_proof text)
returns table (path text, role text, status text, unpaid boolean)
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_now constant double precision := extract(epoch from clock_timestamp());
  v_tenant record;
begin
  if (p_expires between v_now and v_now + 120) is not true then
    raise exception 'the proof has expired' using errcode = 'KT002';
  end if;

  if (
    encode(
      tenancy.mac('proof', split_part(p_proof, '.', 1), 'enter|' || p_tenant || '|' || p_expires),
      'hex'
    ) = split_part(p_proof, '.', 2)
  ) is not true then
    raise exception 'the proof is not valid' using errcode = 'KT002';
  end if;

  -- The lock first, and the row as it is then: a move that has just ended must
  -- not be overtaken by what was read before it. Shared: requests do not wait for
  -- each other, only for a move, a rename or a deletion, and for those they wait
  -- in Node and not on a connection.
  if pg_try_advisory_xact_lock_shared(hashtextextended(p_tenant::text, 0)) is not true then
    raise exception 'the tenant is locked' using errcode = 'KT004';
  end if;

  select
    t.schema_name,
    t.role_name,
    t.status,
    (not t.on_trial and t.paid_until < current_date) is true as unpaid,
    t.database = i.database as is_here
  into v_tenant
  from public.tenants as t
  cross join tenancy.installation as i
  where t.id = p_tenant;

  if (v_tenant.status not in ('deleted', 'spare')) is not true then
    raise exception 'no such tenant' using errcode = 'KT001';
  end if;

  if v_tenant.is_here is not true then
    raise exception 'the tenant lives in another database' using errcode = 'KT005';
  end if;

  if (v_tenant.status in ('active', 'suspended')) is not true then
    raise exception 'the tenant is in status %', v_tenant.status using errcode = 'KT003';
  end if;

  perform tenancy.carry(v_tenant.role_name);

  return query
    select quote_ident(v_tenant.schema_name) || ', pg_temp', v_tenant.role_name, v_tenant.status, v_tenant.unpaid;
end
$$;


create table tenancy.kept_schemas (
  tenant_id uuid not null,
  schema_name text not null,
  moved_to text not null,
  moved_at timestamptz not null default now(),
  keep_until timestamptz not null,
  constraint kept_schemas_pkey primary key (tenant_id)
);

comment on table tenancy.kept_schemas is
  'Schemas that moved tenants left behind in this database, until they are dropped.';

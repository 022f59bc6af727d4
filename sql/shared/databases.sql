-- databases.sql: tenants that live on another PostgreSQL server than main.
--
-- The registry of main says where each tenant lives. Every further database has
-- a copy of the rows of its own tenants, so that its doors can answer for them.
-- The copies are kept in step: by the migrating login with every command, and by
-- the service, through two doors that want a proof.

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


-- As in functions.sql, but for three things. The lock comes before the row is
-- read: the other way round, a request that had read the row waited for nothing,
-- and came in after an operation that had seen everybody leave. The refusal of a
-- tenant that is not open carries the seconds to wait. And a tenant that lives
-- elsewhere is refused: after a move the rows that it left behind here are not
-- its rows any more.
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

  -- Shared: requests do not wait for each other, only for a move, a rename or a
  -- deletion, and for those they wait in Node and not on a connection.
  if pg_try_advisory_xact_lock_shared(hashtextextended(p_tenant::text, 0)) is not true then
    raise exception 'the tenant is locked' using errcode = 'KT004';
  end if;

  select
    t.schema_name,
    t.role_name,
    t.status,
    coalesce(t.retry_after, 60) as retry_after,
    (not t.on_trial and t.paid_until < (now() at time zone 'UTC')::date) is true as unpaid,
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
    raise exception 'the tenant is in status %', v_tenant.status
      using errcode = 'KT003', detail = v_tenant.retry_after::text;
  end if;

  perform tenancy.carry(v_tenant.role_name);

  return query
    select quote_ident(v_tenant.schema_name) || ', pg_temp', v_tenant.role_name, v_tenant.status, v_tenant.unpaid;
end
$$;


-- As in mail.sql, and only of tenants that live here: what one that has moved left
-- behind was sent from there, or is in its new outbox.
create or replace function tenancy.mail_due(p_limit integer)
returns table (tenant_id uuid, marked_at timestamptz)
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
  select w.tenant_id, w.marked_at
  from tenancy.mail_waiting as w
  join public.tenants as t on t.id = w.tenant_id
  join tenancy.installation as i on i.database = t.database
  where w.due_at <= now()
    and t.status in ('active', 'suspended')
  order by w.due_at
  limit p_limit
$$;


-- What a copy of a tenant's row and domains consists of. How far it is migrated is
-- said where its tables are.
create function tenancy.read_copy(p_tenant uuid) returns jsonb
language sql stable
set search_path = pg_catalog, pg_temp
set timezone = 'UTC'
as $$
  select
    to_jsonb(t) - 'role_name' - array['migrated_to', 'concurrent_to', 'migrations_applied']
    || jsonb_build_object(
      'domains',
      coalesce(
        (
          select jsonb_agg(to_jsonb(d) order by d.domain)
          from public.domains as d
          where d.tenant_id = t.id
        ),
        '[]'
      )
    )
  from public.tenants as t
  where t.id = p_tenant
$$;

comment on function tenancy.read_copy(uuid) is
  'A tenant''s row and domains, as its database is to know them. Null when there is no such tenant.';


create function tenancy.write_copy(p_copy jsonb) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_tenant constant uuid := (p_copy ->> 'id')::uuid;
  v_columns text;
  v_changes text;
  v_domain_columns text;
begin
  -- Main says whose a host is. Whoever has one of these here, left over or not yet
  -- told, loses all: without its primary one it could not keep the others.
  delete from public.domains as d
  where d.tenant_id = v_tenant
    or d.tenant_id in (
      select h.tenant_id
      from public.domains as h
      join jsonb_to_recordset(p_copy -> 'domains') as c (domain text) on c.domain = h.domain
    );

  -- By the catalogue: a column that a later migration adds travels too.
  select
    string_agg(quote_ident(a.attname), ', ' order by a.attnum) filter (where c.relname = 'tenants'),
    string_agg(format('%1$I = excluded.%1$I', a.attname), ', ') filter (where c.relname = 'tenants'),
    string_agg(quote_ident(a.attname), ', ' order by a.attnum) filter (where c.relname = 'domains')
  into v_columns, v_changes, v_domain_columns
  from pg_class as c
  join pg_attribute as a on a.attrelid = c.oid
  where c.oid in ('public.tenants'::regclass, 'public.domains'::regclass)
    and a.attnum > 0
    and not a.attisdropped
    and a.attgenerated = ''
    and a.attname <> all (array['migrated_to', 'concurrent_to', 'migrations_applied']);

  execute format(
    'insert into public.tenants (%1$s)
     select %1$s
     from jsonb_populate_record(null::public.tenants, $1)
     on conflict on constraint tenants_pkey do update
       set %2$s',
    v_columns, v_changes
  ) using p_copy;

  execute format(
    'insert into public.domains (%1$s)
     select %1$s
     from jsonb_populate_recordset(null::public.domains, $1)',
    v_domain_columns
  ) using p_copy -> 'domains';
end
$$;

comment on function tenancy.write_copy(jsonb) is
  'Makes a tenant''s row and domains here what read_copy said of them elsewhere.';


-- As enter does, for what else a process of the service may ask.
create function tenancy.require_proof(p_message text, p_expires bigint, p_proof text) returns void
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_now constant double precision := extract(epoch from clock_timestamp());
begin
  if (
    p_expires between v_now and v_now + 120
    and encode(
      tenancy.mac('proof', split_part(p_proof, '.', 1), p_message || '|' || p_expires),
      'hex'
    ) = split_part(p_proof, '.', 2)
  ) is not true then
    raise exception 'the proof is not valid' using errcode = 'KT002';
  end if;
end
$$;


create function tenancy.tell_copy(p_tenant uuid, p_expires bigint, p_proof text) returns jsonb
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  perform tenancy.require_proof('tell|' || p_tenant, p_expires, p_proof);
  return tenancy.read_copy(p_tenant);
end
$$;

comment on function tenancy.tell_copy(uuid, bigint, text) is
  'Main''s word on a tenant, for the service to carry to the tenant''s database. The proof is of tell|tenant|expires.';


-- The proof covers the copy's text: nobody but who holds the key can say what is
-- in it. It changes a tenant that is here, and never makes one or takes one in.
create function tenancy.take_copy(p_copy text, p_expires bigint, p_proof text) returns boolean
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_copy jsonb;
begin
  perform tenancy.require_proof('take|' || p_copy, p_expires, p_proof);
  v_copy := p_copy::jsonb;

  perform from public.tenants as t
  cross join tenancy.installation as i
  where t.id = (v_copy ->> 'id')::uuid
    and t.database = i.database
    and i.database <> 'main'
    and i.database = v_copy ->> 'database'
    and t.schema_name = v_copy ->> 'schema_name'
  for update of t;
  if not found or tenancy.read_copy((v_copy ->> 'id')::uuid) = v_copy then
    return false;
  end if;

  perform tenancy.write_copy(v_copy);
  return true;
end
$$;

comment on function tenancy.take_copy(text, bigint, text) is
  'Takes main''s word on a tenant of this database; answers whether it was news. The proof is of take|copy|expires.';


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

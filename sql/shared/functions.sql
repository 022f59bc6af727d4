-- functions.sql: the doors between the service's login and the tenants.
--
-- Every check is written "if (condition) is not true then raise": a null, a
-- missing key or a missing part refuses. ("is distinct from" once let a null
-- proof into any tenant.)
--
-- SQLSTATEs of our own, listed in docs/errors.md:
--   KT001  no such tenant          KT003  the tenant is not open now
--   KT002  proof refused           KT004  the tenant is locked by an operation

-- Who is inside: two bodies, in context-guarded.sql and context-signed.sql.
-- These stand here so that what follows can be made before either is chosen.
create function tenancy.current_tenant() returns text
language sql stable
return null::text;

create function tenancy.carry(p_role text) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  raise exception 'no carrier of the context is installed' using errcode = '55000';
end
$$;

comment on function tenancy.current_tenant() is
  'The role name of the tenant that this transaction has entered. Nothing but enter and enter_owner can change it.';


-- Makes this transaction belong to one tenant. The caller sets the path and the
-- role from what it returns: a function that pins its own search_path cannot
-- set its caller's.
create function tenancy.enter(p_tenant uuid, p_expires bigint, p_proof text)
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

  select t.schema_name, t.role_name, t.status, (not t.on_trial and t.paid_until < (now() at time zone 'UTC')::date) is true as unpaid
  into v_tenant
  from public.tenants as t
  where t.id = p_tenant;

  if (v_tenant.status not in ('deleted', 'spare')) is not true then
    raise exception 'no such tenant' using errcode = 'KT001';
  end if;

  if (v_tenant.status in ('active', 'suspended')) is not true then
    raise exception 'the tenant is in status %', v_tenant.status using errcode = 'KT003';
  end if;

  -- Shared: requests do not wait for each other, only for a move, a rename or a
  -- deletion, and for those they wait in Node and not on a connection.
  if pg_try_advisory_xact_lock_shared(hashtextextended(p_tenant::text, 0)) is not true then
    raise exception 'the tenant is locked' using errcode = 'KT004';
  end if;

  perform tenancy.carry(v_tenant.role_name);

  return query
    select quote_ident(v_tenant.schema_name) || ', pg_temp', v_tenant.role_name, v_tenant.status, v_tenant.unpaid;
end
$$;

comment on function tenancy.enter(uuid, bigint, text) is
  'Enters a tenant for the rest of the transaction. The proof is <key id>.<hex HMAC-SHA256 of enter|tenant|expires>, made in Node.';


-- For migrations. Forced row-level security hides rows from the owner too:
-- without this, an update touches nothing and a foreign key over violating rows
-- is declared valid.
create function tenancy.enter_owner(p_schema text) returns text
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_role text;
begin
  select t.role_name
  into v_role
  from public.tenants as t
  where t.schema_name = p_schema;

  if (v_role is not null) is not true then
    raise exception 'no tenant has the schema %', coalesce(quote_ident(p_schema), 'null') using errcode = 'KT001';
  end if;

  perform tenancy.carry(v_role);
  return v_role;
end
$$;

comment on function tenancy.enter_owner(text) is
  'Enters the tenant of a schema for the rest of the transaction. For tenant_owner, in migrations, only.';


create function tenancy.resolve_host(p_host text)
returns table (
  tenant_id uuid,
  status text,
  is_site boolean,
  key_generation integer,
  migrated_to text,
  primary_domain text
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
    p.domain
  from public.domains as d
  join public.tenants as t on t.id = d.tenant_id
  join public.domains as p on p.tenant_id = t.id and p.is_primary
  where d.domain = p_host
    and t.status not in ('deleted', 'spare')
$$;

comment on function tenancy.resolve_host(text) is
  'All that the service may know of a tenant before it has entered it.';


create function tenancy.my_tenant()
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


create function tenancy.my_domains()
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

comment on function tenancy.my_tenant() is 'The registry row of the tenant that is inside, or none.';
comment on function tenancy.my_domains() is 'The domains of the tenant that is inside, the primary one first.';


create table tenancy.installation (
  only_row boolean not null default true,
  service text not null,
  carrier text not null,
  fingerprint text not null,
  installed_at timestamptz not null default now(),
  constraint installation_pkey primary key (only_row),
  constraint installation__only_row check (only_row),
  constraint installation__carrier check (carrier in ('guarded', 'signed'))
);

comment on table tenancy.installation is
  'How this database was set up last. The fingerprint covers the shared migrations and the SQL that is applied anew on change.';


create function tenancy.version()
returns table (fingerprint text, carrier text)
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
  select i.fingerprint, i.carrier
  from tenancy.installation as i
$$;

comment on function tenancy.version() is
  'What is installed, for the service to compare with its own code before it listens.';

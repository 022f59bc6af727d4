-- functions/enter.sql: enters a tenant for the rest of the transaction.
--
-- Every check is written "if (condition) is not true then raise", so that null is rejected.
--
-- SQLSTATEs of this project, listed in docs/errors.md:
--   KT001  no such tenant          KT003  the tenant is not open now
--   KT002  the proof is rejected   KT004  an operation has locked the tenant
--   KT006  a requirement is not met KT005  the tenant is in another database

-- The caller sets the path and the role that this returns: a function with its own search_path
-- cannot set its caller's.
--
-- The lock is taken before the row is read. In the other order a request could read the row,
-- wait, and enter after an operation has checked that no transaction is inside.
create or replace function tenancy.enter(p_tenant uuid, p_expires bigint, p_proof text)
returns table (path text, role text, status text, unpaid boolean)
language plpgsql security definer
-- With the default, 1000, a plan that is made for the values seems so much cheaper that PostgreSQL plans each entry anew.
rows 1
set search_path = pg_catalog, pg_temp
as $$
declare
  -- A double precision number, as extract() returned before PostgreSQL 14: arithmetic of numeric costs more.
  v_now constant double precision := date_part('epoch', clock_timestamp());
  v_mac text;
  v_tenant record;
begin
  if (p_expires between v_now and v_now + 120) is not true then
    raise exception 'the proof has expired' using errcode = 'KT002';
  end if;

  -- As tenancy.mac() computes it, whose call would take as long as the query. Null without the key.
  select encode(
    sha256(
      k.outer_pad || sha256(k.inner_pad || convert_to('enter|' || p_tenant || '|' || p_expires, 'UTF8'))
    ),
    'hex'
  )
  into v_mac
  from tenancy.keys as k
  where k.purpose = 'proof'
    and k.id = split_part(p_proof, '.', 1);

  if (v_mac = split_part(p_proof, '.', 2)) is not true then
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
    raise exception 'the tenant is in another database' using errcode = 'KT005';
  end if;

  if (v_tenant.status in ('active', 'suspended')) is not true then
    raise exception 'the tenant is in status %', v_tenant.status
      using errcode = 'KT003', detail = v_tenant.retry_after::text;
  end if;

  -- PERFORM would run a query. The condition of an IF is evaluated directly, which took 50 us less in
  -- 260 for the two calls below. They return nothing, and raise an error if they fail.
  if tenancy.set_context(v_tenant.role_name) is null then
    null;
  end if;

  -- random() continues where the last tenant on this connection stopped, and a few of
  -- its values are enough to compute all others. Each tenant starts with a new seed: a
  -- hash of a version-4 uuid, between -1 and 1.
  if setseed(hashtextextended(gen_random_uuid()::text, 0) / 9223372036854775808.0::double precision) is null then
    null;
  end if;

  -- RETURN QUERY would run a query.
  path := quote_ident(v_tenant.schema_name) || ', extensions, pg_temp';
  role := v_tenant.role_name;
  status := v_tenant.status;
  unpaid := v_tenant.unpaid;
  return next;
end
$$;

comment on function tenancy.enter(uuid, bigint, text) is
  'Enters a tenant for the rest of the transaction. The proof is <key id>.<hex HMAC-SHA256 of enter|tenant|expires>, made in Node.';


-- The code names the requirement that is not met.
create or replace function tenancy.reject(p_code text) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  raise exception '%', p_code using errcode = 'KT006';
end
$$;

comment on function tenancy.reject(text) is
  'Raises KT006, with the code as its message.';


-- A guard of a single statement, which PostgreSQL commits before the service sees a result: nothing that
-- the service decides could undo it. Null is rejected.
--
-- The planner replaces a call by this body, which is bound at creation: no path changes what it names.
-- A call of a PL/pgSQL function with a path of its own took longer than the rest of most guards.
create or replace function tenancy.require(p_condition boolean, p_code text) returns void
language sql
return case when p_condition then null else tenancy.reject(p_code) end;

comment on function tenancy.require(boolean, text) is
  'Raises KT006, with the code as its message, unless the condition is true. For guards of a transaction.';


-- For migrations. Forced row-level security hides rows from the owner too: without
-- this an update changes nothing, and a foreign key over violating rows is declared
-- valid.
create or replace function tenancy.enter_owner(p_schema text) returns text
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

  perform tenancy.set_context(v_role);
  return v_role;
end
$$;

comment on function tenancy.enter_owner(text) is
  'Enters the tenant of a schema for the rest of the transaction. For tenant_owner, in migrations, only.';

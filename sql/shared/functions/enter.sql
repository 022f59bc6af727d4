-- functions/enter.sql: enters a tenant for the rest of the transaction.
--
-- Every check is written "if (condition) is not true then raise", so that null is rejected.
--
-- SQLSTATEs of this project, listed in docs/errors.md:
--   KT001  no such tenant          KT003  the tenant is not open now
--   KT002  the proof is rejected   KT004  an operation has locked the tenant
--   KT006  a requirement is not met KT005  the tenant is in another database
--   KT008  the transaction has entered another tenant

-- The caller sets the path and the role that this returns: a function with its own search_path
-- cannot set its caller's.
--
-- The lock is taken before the row is read. In the other order a request could read the row,
-- wait, and enter after an operation has checked that no transaction is inside.
--
-- Every request calls this function. PostgreSQL prepares each expression again in each transaction, which
-- takes about 3,000 instructions for each function in it: longer than most of the functions. So it has few of both.
create or replace function tenancy.enter(p_tenant uuid, p_expires bigint, p_proof text)
returns table (path text, role text, status text)
language plpgsql security definer
-- With the default, 1000, a plan that is made for the values seems so much cheaper that PostgreSQL plans each entry anew.
rows 1
set search_path = pg_catalog, pg_temp
as $$
declare
  v_mac text;
  v_is_here boolean;
  v_retry_after integer;
begin
  -- date_part and not extract: arithmetic of double precision costs less than that of numeric.
  if (p_expires - date_part('epoch', clock_timestamp()) between 0 and 120) is not true then
    raise exception 'the proof has expired' using errcode = 'KT002';
  end if;

  -- As tenancy.mac() computes it, whose call would take as long as the query. Null without the key.
  select encode(
    sha256(
      k.outer_pad
      || sha256(k.inner_pad || convert_to(concat('enter|', p_tenant, '|', p_expires), 'UTF8'))
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
    quote_ident(t.schema_name) || ', extensions, pg_temp',
    t.role_name,
    case
      when t.status = 'active' and not t.on_trial and t.paid_until < (now() at time zone 'UTC')::date then 'unpaid'
      else t.status
    end,
    t.retry_after,
    t.database = i.database
  into path, role, status, v_retry_after, v_is_here
  from public.tenants as t
  cross join tenancy.installation as i
  where t.id = p_tenant;

  if (status in ('active', 'unpaid', 'suspended') and v_is_here) is not true then
    if (status not in ('deleted', 'spare')) is not true then
      raise exception 'no such tenant' using errcode = 'KT001';
    end if;
    if v_is_here is not true then
      raise exception 'the tenant is in another database' using errcode = 'KT005';
    end if;
    raise exception 'the tenant is in status %', status
      using errcode = 'KT003', detail = coalesce(v_retry_after, 60)::text;
  end if;

  -- PERFORM would run a query. The condition of an IF is evaluated directly. Both calls raise an error if they fail.
  --
  -- random() continues where the last tenant on this connection stopped, and a few of
  -- its values are enough to compute all others. Each tenant starts with a new seed: a
  -- hash of a version-4 uuid, between -1 and 1.
  if tenancy.set_context(role) is null
  or setseed(uuid_hash_extended(gen_random_uuid(), 0) / 9223372036854775808.0::double precision) is null then
    null;
  end if;

  return next;
end
$$;

comment on function tenancy.enter(uuid, bigint, text) is
  'Enters a tenant for the rest of the transaction. The proof is <key id>.<hex HMAC-SHA256 of enter|tenant|expires>, made in Node.';


-- Called by set_context, because an SQL expression cannot raise an error.
create or replace function tenancy.reject_second_tenant() returns text
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  raise exception 'this transaction has entered another tenant' using errcode = 'KT008';
end
$$;


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

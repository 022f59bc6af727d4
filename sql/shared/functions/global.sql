-- functions/global.sql: the tables that every tenant may read.

-- Called by protect_global, and by `tenants check --attack` for its own table only.
--
-- SELECT is granted by column and never by table: a right on the table includes the system
-- columns, and xmax shows which rows another transaction has locked. LOCK TABLE requires a
-- right on the table too. Sequences and functions are for the owner only.
create or replace function tenancy.protect_global_table(p_table oid) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_schema constant oid := 'global'::regnamespace;
  v_object record;
begin
  select
    c.relname,
    c.relkind,
    c.reloptions,
    (
      select string_agg(quote_ident(t.attname), ', ' order by t.attnum)
      from pg_attribute as t
      where t.attrelid = c.oid
        and t.attnum > 0
        and not t.attisdropped
    ) as columns,
    exists (
      select
      from pg_rewrite as w
      where w.ev_class = c.oid
        and w.rulename <> '_RETURN'
    ) as has_rule,
    exists (
      select
      from pg_constraint as k
      join pg_class as other on other.oid = k.confrelid
      where k.conrelid = c.oid
        and other.relnamespace <> v_schema
    )
    or exists (
      select
      from pg_inherits as i
      join pg_class as other on other.oid = i.inhparent
      where i.inhrelid = c.oid
        and other.relnamespace <> v_schema
    ) as is_tied
  into strict v_object
  from pg_class as c
  where c.relnamespace = v_schema
    and c.relkind in ('r', 'p', 'v', 'm', 'f')
    and c.oid = p_table;

  if v_object.relkind in ('m', 'f') then
    raise exception 'global.% is a materialized view or a foreign table', v_object.relname
      using errcode = '0A000', hint = 'Use a table that a migration fills.';
  end if;
  if v_object.has_rule then
    raise exception 'global.% has a rule, which would run with its owner''s rights', v_object.relname
      using errcode = '42501', hint = 'Use a trigger, which runs with the rights of its caller.';
  end if;
  if v_object.is_tied then
    raise exception 'global.% refers to a table of another schema', v_object.relname
      using errcode = '42501', hint = 'Foreign keys, partitions and inheritance must not leave the schema global.';
  end if;
  if v_object.relkind = 'v' and not exists (
    select from unnest(v_object.reloptions) as o (option)
    where o.option ~* '^security_invoker=(true|on|yes|1)$'
  ) then
    raise exception 'the view global.% would run with its owner''s rights', v_object.relname
      using errcode = '42501', hint = 'Create it with (security_invoker = true).';
  end if;

  execute format('revoke all on global.%I from public', v_object.relname);
  if v_object.columns is not null then
    execute format('grant select (%s) on global.%I to public', v_object.columns, v_object.relname);
  end if;
end
$$;

comment on function tenancy.protect_global_table(oid) is
  'Grants SELECT on every column of a global table to PUBLIC, and rejects objects that would give further rights.';


-- Runs after the global migrations, in their transaction, as global_owner.
create or replace function tenancy.protect_global() returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_table oid;
  v_function regprocedure;
begin
  for v_table in
    select c.oid
    from pg_class as c
    where c.relnamespace = 'global'::regnamespace
      and c.relkind in ('r', 'p', 'v', 'm', 'f')
  loop
    perform tenancy.protect_global_table(v_table);
  end loop;

  for v_function in
    select f.oid
    from pg_proc as f
    where f.pronamespace = 'global'::regnamespace
      and f.prosecdef
  loop
    raise exception 'function % is SECURITY DEFINER, so its callers could write global tables', v_function
      using errcode = '42501', hint = 'Write global tables in migrations and in the operator''s commands.';
  end loop;
end
$$;

comment on function tenancy.protect_global() is
  'Protects every global table, and rejects functions that would write them for tenants.';


create or replace function tenancy.global_migrations()
returns setof text
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
  select m.name::text
  from tenancy_migrations.global as m
$$;

comment on function tenancy.global_migrations() is
  'Names of the global migrations that were applied. The service compares them with those of its code.';

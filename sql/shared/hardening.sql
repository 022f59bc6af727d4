-- hardening.sql: revokes from PUBLIC everything with which one expression could bypass a wall.
--
--   :"service"    the login of DATABASE_URL
--   :'hardened'   the text of sql/hardened.txt
--
-- Without it, one expression bypasses the role wall:
--   select set_config('role', 't_…', true) || query_to_xml('select …', …)
-- PostgreSQL only warns when a role without the grant option runs REVOKE, so
-- sql/checks/unhardened.sql reads the rights in force.
--
-- Idempotent. Needs a superuser.

select pg_catalog.set_config('tenancy.hardened', :'hardened', false);

do $hardening$
declare
  v_object text;
begin
  for v_object in
    with listed as (
      select
        split_part(l.line, ' ', 1) as kind,
        split_part(l.line, ' ', 2) as name
      from pg_catalog.regexp_split_to_table(pg_catalog.current_setting('tenancy.hardened'), '\n') as l (line)
      where l.line ~ '^[a-z]'
    )
    select p.oid::regprocedure::text
    from pg_catalog.pg_proc as p
    cross join lateral aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) as a
    where p.pronamespace = 'pg_catalog'::regnamespace
      and a.grantee = 0
      -- A hashed list of names, and arrays: a join would compare thousands of functions with each line.
      and (
        p.proname::text in (
          select l.name
          from listed as l
          where l.kind = 'function'
        )
        or p.proname like any (array(
          select replace(replace(l.name, '_', '\_'), '*', '%')
          from listed as l
          where l.kind = 'function'
            and l.name like '%*%'
        ))
        or p.proargtypes::oid[] && array(
          select l.name::regtype::oid
          from listed as l
          where l.kind = 'arguments'
        )
      )
  loop
    execute format('revoke execute on function %s from public', v_object);
  end loop;

  for v_object in
    select l.name
    from (
      select split_part(l.line, ' ', 2) as name
      from pg_catalog.regexp_split_to_table(pg_catalog.current_setting('tenancy.hardened'), '\n') as l (line)
      where l.line like 'view %'
    ) as l
  loop
    execute format('revoke select on pg_catalog.%I from public', v_object);
  end loop;
end
$hardening$;

reset tenancy.hardened;

revoke usage on language plpgsql, sql from public;
revoke all on schema public from public;

-- Granted again by name.
grant execute on function pg_catalog.set_config(text, text, boolean) to :"service", tenant_owner, global_owner;
grant usage on language plpgsql, sql to tenant_owner, global_owner;

-- Fixtures use the JSON functions, and operators in migrations may name an estimator.
do $for_migrations$
declare
  v_function regprocedure;
begin
  for v_function in
    select p.oid::regprocedure
    from pg_catalog.pg_proc as p
    where p.pronamespace = 'pg_catalog'::regnamespace
      and (
        p.proname in ('jsonb_populate_record', 'jsonb_populate_recordset')
        or (p.proname ~ 'sel$' and p.prorettype = 'float8'::regtype and 'internal'::regtype = any (p.proargtypes))
      )
  loop
    execute format('grant execute on function %s to tenant_owner, global_owner', v_function);
  end loop;
end
$for_migrations$;

-- The functions of tenancy that run as tenancy_owner send notifications and lock the entered
-- tenant. The migrating login needs locks for migrations and moves, set_config for pg_dump,
-- notifications of moves, and the replication functions of online moves (version 17 added an
-- argument to some). Without superuser it has them as a member of tenancy_owner: a provider
-- that hardens the database does not know its name.
do $given_back$
declare
  v_grantee name;
  v_function regprocedure;
begin
  for v_grantee in
    select current_user
    union
    select 'tenancy_owner'
  loop
    execute format('grant usage on language plpgsql, sql to %I', v_grantee);
    for v_function in
      select p.oid::regprocedure
      from pg_catalog.pg_proc as p
      where p.pronamespace = 'pg_catalog'::regnamespace
        and p.proname in (
          'set_config', 'pg_notify', 'pg_terminate_backend',
          'pg_logical_emit_message', 'pg_current_wal_flush_lsn',
          'pg_advisory_lock', 'pg_try_advisory_lock', 'pg_advisory_unlock',
          'pg_advisory_xact_lock', 'pg_try_advisory_xact_lock_shared',
          'pg_lock_status', 'pg_stat_get_activity', 'pg_stat_get_wal_senders', 'pg_stat_get_subscription',
          'pg_get_replication_slots', 'jsonb_populate_record', 'jsonb_populate_recordset', 'setseed'
        )
    loop
      execute format('grant execute on function %s to %I', v_function, v_grantee);
    end loop;
  end loop;
end
$given_back$;

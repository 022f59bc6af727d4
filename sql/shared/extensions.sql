-- extensions.sql: revokes from PUBLIC the dangerous functions of extensions.
--
--   :'extensions'   the text of sql/extensions.txt
--
-- Applied after the extensions of a project were created. PostgreSQL only warns when a role
-- that does not own a function revokes a right on it, so sql/checks/unhardened.sql reads the
-- rights in force.
--
-- Idempotent.

select pg_catalog.set_config('tenancy.extensions', :'extensions', false);

do $extensions$
declare
  v_function regprocedure;
begin
  for v_function in
    with listed as (
      select
        split_part(l.line, ' ', 2) as extension,
        replace(replace(split_part(l.line, ' ', 3), '_', '\_'), '*', '%') as pattern
      from pg_catalog.regexp_split_to_table(pg_catalog.current_setting('tenancy.extensions'), '\n') as l (line)
      where l.line ~ '^[a-z]'
    )
    select p.oid::regprocedure
    from pg_catalog.pg_extension as e
    join pg_catalog.pg_depend as d
      on d.refclassid = 'pg_catalog.pg_extension'::regclass
      and d.refobjid = e.oid
      and d.classid = 'pg_catalog.pg_proc'::regclass
      and d.deptype = 'e'
    join pg_catalog.pg_proc as p on p.oid = d.objid
    cross join lateral aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) as a
    where a.grantee = 0
      and exists (
        select
        from listed as l
        where l.extension = e.extname
          and (p.proname like l.pattern or 'internal'::regtype = any (p.proargtypes))
      )
  loop
    execute format('revoke execute on function %s from public', v_function);
  end loop;
end
$extensions$;

reset tenancy.extensions;

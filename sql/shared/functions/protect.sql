-- functions/protect.sql: applies the policy to everything in a tenant's schema.
--
-- Runs after every tenant migration, in its transaction, so that no table lacks its policy.
-- The only place that defines the policy.
--
-- Objects in the schema are found by their dependency on it, which has an index: a scan of
-- pg_class would take longer with every tenant. For the same reason, rights are granted only
-- where they are missing. One query reads all relations, so it repeats the tests of
-- tenancy.protect_global_table: a function for both would run once a relation, after every
-- migration of every tenant.

create or replace function tenancy.protect_schema(p_schema text) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  -- Rejects the schema of another tenant than the one that this transaction has entered.
  v_role constant text := tenancy.enter_owner(p_schema);
  v_grantee constant oid := v_role::regrole;
  v_schema constant oid := (select n.oid from pg_namespace as n where n.nspname = p_schema);
  v_object record;
begin
  for v_object in
    select
      c.oid,
      c.relname,
      c.relkind,
      c.relrowsecurity,
      c.relforcerowsecurity,
      c.reloptions,
      (
        select array_agg(a.privilege_type)
        from aclexplode(c.relacl) as a
        where a.grantee = v_grantee
      ) as granted,
      exists (
        select
        from pg_policy as p
        where p.polrelid = c.oid
      ) as has_policy,
      -- PostgreSQL combines permissive policies with OR, so a second or different policy could
      -- give access to other rows.
      exists (
        select
        from pg_policy as p
        where p.polrelid = c.oid
          and (
            p.polname = 'same_tenant'
            and p.polpermissive
            and p.polcmd = '*'
            and p.polroles = '{0}'::oid[]
            and p.polwithcheck is null
            and pg_get_expr(p.polqual, p.polrelid) ~ format(
              '^\( SELECT \(tenancy\.current_tenant\(\) = %L::text\)( AS "?[a-z?_]+"?)?\)$', v_role
            )
          ) is not true
      ) as has_other_policy,
      -- _RETURN is the rule of a view.
      exists (
        select
        from pg_rewrite as w
        where w.ev_class = c.oid
          and w.rulename <> '_RETURN'
      ) as has_rule,
      -- Foreign keys and inheritance read the other table without its policies.
      exists (
        select
        from pg_constraint as k
        join pg_class as there on there.oid = k.confrelid
        where k.conrelid = c.oid
          and there.relnamespace <> v_schema
      )
      or exists (
        select
        from pg_inherits as i
        join pg_class as there on there.oid = i.inhparent
        where i.inhrelid = c.oid
          and there.relnamespace <> v_schema
      ) as is_tied
    from pg_depend as d
    join pg_class as c on c.oid = d.objid
    where d.refclassid = 'pg_namespace'::regclass
      and d.refobjid = v_schema
      and d.classid = 'pg_class'::regclass
      and c.relkind in ('r', 'p', 'v', 'm', 'f', 'S')
  loop
    if v_object.relkind in ('m', 'f') then
      raise exception '%.% is a materialized view or a foreign table, which cannot have a policy', p_schema, v_object.relname
        using errcode = '0A000', hint = 'Use a table, or a view with (security_invoker = true).';
    end if;

    if v_object.relkind = 'S' then
      if (v_object.granted @> array['USAGE']) is not true then
        execute format('grant usage on sequence %I.%I to %I', p_schema, v_object.relname, v_role);
      end if;
      continue;
    end if;

    if v_object.has_rule then
      raise exception '%.% has a rule, which would run with its owner''s rights', p_schema, v_object.relname
        using errcode = '42501', hint = 'Use a trigger, which runs with the rights of its caller.';
    end if;

    -- Not TRUNCATE, REFERENCES or TRIGGER, to which policies do not apply.
    if (v_object.granted @> array['SELECT', 'INSERT', 'UPDATE', 'DELETE']) is not true then
      execute format('grant select, insert, update, delete on %I.%I to %I', p_schema, v_object.relname, v_role);
    end if;

    if v_object.relkind = 'v' then
      if not exists (
        select from unnest(v_object.reloptions) as o (option)
        where o.option ~* '^security_invoker=(true|on|yes|1)$'
      ) then
        raise exception 'the view %.% would run with its owner''s rights', p_schema, v_object.relname
          using errcode = '42501', hint = 'Create it with (security_invoker = true).';
      end if;
      continue;
    end if;

    if not v_object.relrowsecurity then
      execute format('alter table %I.%I enable row level security', p_schema, v_object.relname);
    end if;
    -- Without FORCE, the policy would not apply to the owner, which runs the migrations.
    if not v_object.relforcerowsecurity then
      execute format('alter table %I.%I force row level security', p_schema, v_object.relname);
    end if;
    -- TO PUBLIC: DROP OWNED BY a role drops the policies written to it. The whole
    -- comparison is inside the sub-select: the planner assigns no cost to a bare boolean, and
    -- evaluates it first.
    if not v_object.has_policy then
      execute format(
        'create policy same_tenant on %I.%I using ((select tenancy.current_tenant() = %L))',
        p_schema, v_object.relname, v_role
      );
    end if;
    if v_object.has_other_policy then
      raise exception '%.% has another policy than same_tenant', p_schema, v_object.relname
        using errcode = '42501', hint = 'Drop it. tenancy.protect_schema creates the only policy.';
    end if;
    if v_object.is_tied then
      raise exception '%.% refers to a table of another schema', p_schema, v_object.relname
        using errcode = '42501', hint = 'Foreign keys, partitions and inheritance must not leave the tenant''s schema.';
    end if;
  end loop;

  for v_object in
    select
      f.oid::regprocedure as identity,
      f.prosecdef,
      f.prokind = 'p' or exists (
        select
        from aclexplode(f.proacl) as a
        where a.grantee = v_grantee
      ) as granted
    from pg_depend as d
    join pg_proc as f on f.oid = d.objid
    where d.refclassid = 'pg_namespace'::regclass
      and d.refobjid = v_schema
      and d.classid = 'pg_proc'::regclass
  loop
    if v_object.prosecdef then
      raise exception 'function % is SECURITY DEFINER, which bypasses the walls', v_object.identity
        using errcode = '42501', hint = 'Create it with SECURITY INVOKER.';
    end if;
    if not v_object.granted then
      execute format('grant execute on function %s to %I', v_object.identity, v_role);
    end if;
  end loop;

  if not exists (
    select
    from pg_namespace as n
    cross join lateral aclexplode(n.nspacl) as a
    where n.oid = v_schema
      and a.grantee = v_grantee
  ) then
    execute format('grant usage on schema %I to %I', p_schema, v_role);
  end if;
end
$$;

comment on function tenancy.protect_schema(text) is
  'Enables and forces row-level security, creates the policy and grants the tenant role its rights, for every relation of the schema.';

-- protect.sql: put everything in a tenant's schema behind its policy.
--
-- Runs after every tenant migration, in its transaction, so that a table cannot
-- forget its policy. Also the one place that knows the dialect of policies.

create or replace function tenancy.protect_schema(p_schema text) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  -- enter_owner has just said who this is; a schema of another tenant is refused.
  v_role constant text := tenancy.enter_owner(p_schema);
  v_object record;
begin
  for v_object in
    select c.oid, c.relname, c.relkind, c.relowner, c.relrowsecurity, c.relforcerowsecurity, c.reloptions
    from pg_class as c
    where c.relnamespace = (select n.oid from pg_namespace as n where n.nspname = p_schema)
      and c.relkind in ('r', 'p', 'v', 'm', 'f')
  loop
    if v_object.relkind in ('m', 'f') then
      raise exception '%.% is a materialized view or a foreign table, which no policy protects', p_schema, v_object.relname
        using errcode = '0A000', hint = 'Use a table, or a view with (security_invoker).';
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
    -- Without force, the owner (who runs migrations) would walk past the policy.
    if not v_object.relforcerowsecurity then
      execute format('alter table %I.%I force row level security', p_schema, v_object.relname);
    end if;
    -- TO PUBLIC: DROP OWNED BY a role drops the policies written to it. The whole
    -- comparison stands inside the sub-select: a bare boolean costs the planner
    -- nothing and is checked first.
    if not exists (select from pg_policy as p where p.polrelid = v_object.oid) then
      execute format(
        'create policy same_tenant on %I.%I using ((select tenancy.current_tenant() = %L))',
        p_schema, v_object.relname, v_role
      );
    end if;

    -- Policies are OR-ed: a second one, or another in this one's place, is a door.
    if exists (
      select from pg_policy as p
      where p.polrelid = v_object.oid
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
    ) then
      raise exception '%.% has a policy of its own', p_schema, v_object.relname
        using errcode = '42501', hint = 'Drop it: the one policy is made here.';
    end if;
  end loop;

  if exists (
    select from pg_proc as f
    where f.pronamespace = (select n.oid from pg_namespace as n where n.nspname = p_schema)
      and f.prosecdef
  ) then
    raise exception 'a security definer function in % would run past the walls', p_schema
      using errcode = '42501', hint = 'Functions of a tenant run with the rights of their caller.';
  end if;

  -- Foreign keys and inheritance look at the other table past its policies.
  select c.conrelid::regclass::text as relname
  into v_object
  from pg_constraint as c
  join pg_class as here on here.oid = c.conrelid
  join pg_class as there on there.oid = c.confrelid
  where here.relnamespace = (select n.oid from pg_namespace as n where n.nspname = p_schema)
    and there.relnamespace <> here.relnamespace
  union all
  select i.inhrelid::regclass::text
  from pg_inherits as i
  join pg_class as here on here.oid = i.inhrelid
  join pg_class as there on there.oid = i.inhparent
  where here.relnamespace = (select n.oid from pg_namespace as n where n.nspname = p_schema)
    and there.relnamespace <> here.relnamespace
  limit 1;

  if found then
    raise exception '% is tied to a table of another schema', v_object.relname
      using errcode = '42501', hint = 'Foreign keys and partitions stay inside the tenant.';
  end if;

  -- No truncate, references or trigger: none of them asks the policy.
  execute format('grant usage on schema %I to %I', p_schema, v_role);
  execute format('grant select, insert, update, delete on all tables in schema %I to %I', p_schema, v_role);
  execute format('grant usage on all sequences in schema %I to %I', p_schema, v_role);
  execute format('grant execute on all functions in schema %I to %I', p_schema, v_role);
end
$$;

comment on function tenancy.protect_schema(text) is
  'Row-level security, forced, with the one policy, and the tenant role''s grants, for every relation of the schema.';

-- functions/limits.sql: limits of rows and storage that a tenant's row in the registry sets.
--
-- An app declares a limit with `limits` of defineApp, and creates the trigger in its SQL:
--
--   create trigger notes__limit
--     after insert on notes
--     for each statement execute function tenancy.limit_rows('NOTES_LIMIT');

-- Both limits in one call, which reads the tenant's row once: each statement that inserts rows makes it.
--
-- The lock makes concurrent transactions count one after the other. Only names of the tenant's own
-- settings are locked, so a tenant cannot choose the number of locks.
create or replace function tenancy.lock_limit(p_setting text) returns bigint
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_tenant record;
  v_limit bigint;
  v_megabytes bigint;
begin
  select t.id, t.schema_name, t.settings
  into v_tenant
  from public.tenants as t
  where t.role_name = tenancy.current_tenant();

  if v_tenant.settings ->> 'TENANT_STORAGE_MB' ~ '^[0-9]{1,9}$' then
    v_megabytes := v_tenant.settings ->> 'TENANT_STORAGE_MB';
  end if;
  if v_megabytes > 0 then
    if v_megabytes * 1048576 <= tenancy.stored_pages(v_tenant.schema_name) * current_setting('block_size')::bigint then
      raise exception 'the limit of storage is reached'
        using errcode = 'KT007', detail = v_megabytes::text;
    end if;
  end if;

  if v_tenant.settings ->> p_setting ~ '^[0-9]{1,15}$' then
    v_limit := v_tenant.settings ->> p_setting;
  end if;
  if (v_limit > 0) is not true then
    return null;
  end if;

  perform pg_advisory_xact_lock(hashtextextended(v_tenant.id::text || ' ' || p_setting, 0));
  return v_limit;
end
$$;

comment on function tenancy.lock_limit(text) is
  'Raises KT007 if the current tenant has reached its limit of storage. Returns its limit of rows with this name, and locks it until the transaction ends. Null: no limit.';


-- The size functions are revoked because they show the size of other tenants. The catalog has the
-- number of pages as of the last vacuum, which is enough for a limit of storage.
--
-- In plpgsql, because its plan is kept: a function in SQL is planned for each insert.
create or replace function tenancy.stored_pages(p_schema text) returns bigint
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
begin
  return (
    select coalesce(sum(c.relpages::bigint + coalesce(o.relpages, 0) + coalesce(i.relpages, 0)), 0)::bigint
    from pg_class as c
    left join pg_class as o on o.oid = c.reltoastrelid
    left join lateral (
      select sum(x.relpages)::bigint as relpages
      from pg_index as n
      join pg_class as x on x.oid = n.indexrelid
      where n.indrelid in (c.oid, c.reltoastrelid)
    ) as i on true
    where c.relnamespace = (select s.oid from pg_namespace as s where s.nspname = p_schema)
      and c.relkind = 'r'
  );
end
$$;

comment on function tenancy.stored_pages(text) is
  'Returns the pages of the tables and indexes of a schema, as of the last vacuum.';


-- Runs with the rights of its caller, so that it counts through every wall. The owner's commands
-- (migrations, restores, fixtures) are not limited.
create or replace function tenancy.limit_rows() returns trigger
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  v_limit bigint;
  v_rows bigint;
begin
  if (current_user = tenancy.current_tenant()) is not true then
    return null;
  end if;

  v_limit := tenancy.lock_limit(tg_argv[0]);
  if v_limit is not null then
    execute format(
      'select count(*) from (select from %I.%I limit %s) as counted',
      tg_table_schema,
      tg_table_name,
      v_limit + 1
    )
    into v_rows;
    if (v_rows <= v_limit) is not true then
      raise exception 'a limit of rows is reached'
        using errcode = 'KT007', table = tg_table_name, detail = v_limit::text;
    end if;
  end if;
  return null;
end
$$;

comment on function tenancy.limit_rows() is
  'Trigger. Raises KT007 when the table has more rows than the setting that its argument names, or the tenant too much storage.';

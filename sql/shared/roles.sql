-- roles.sql: the owner roles that every database of the cluster shares.
--
--   :"service"   the login of DATABASE_URL, which serves requests
--
-- Idempotent. Roles belong to the cluster: a second database on the same server has them
-- already.

do $roles$
begin
  -- Owns the registry, the keys and the functions that guard them.
  if not exists (select from pg_catalog.pg_roles where rolname = 'tenancy_owner') then
    create role tenancy_owner nologin;
  end if;

  -- Owns every tenant's schema and tables. Cannot log in.
  if not exists (select from pg_catalog.pg_roles where rolname = 'tenant_owner') then
    create role tenant_owner nologin;
  end if;

  -- Owns the global tables, which every tenant may read. Cannot log in.
  if not exists (select from pg_catalog.pg_roles where rolname = 'global_owner') then
    create role global_owner nologin;
  end if;
end
$roles$;

-- A migrating login that is not a superuser must be a member of the owners before it can create
-- objects for them.
do $membership$
declare
  v_owner text;
begin
  if (select rolsuper from pg_catalog.pg_roles where rolname = current_user) then
    return;
  end if;
  foreach v_owner in array array['tenancy_owner', 'tenant_owner', 'global_owner'] loop
    -- From 16 on, the creator of a role is a member with ADMIN only, and cannot SET ROLE to it.
    if current_setting('server_version_num')::integer >= 160000 then
      if not pg_catalog.pg_has_role(current_user, v_owner, 'set') then
        execute format('grant %I to %I with inherit true, set true', v_owner, current_user);
      end if;
    elsif not pg_catalog.pg_has_role(current_user, v_owner, 'member') then
      execute format('grant %I to %I', v_owner, current_user);
    end if;
  end loop;
end
$membership$;

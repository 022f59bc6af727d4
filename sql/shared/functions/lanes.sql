-- functions/lanes.sql: the login of each pool shard ("lane").
--
-- With LANE_LOGINS, each lane of the service has its own login, which is a member of the roles of
-- its own tenants only. Without it, tenancy.lane_logins is empty.

-- The lane of a tenant that is pinned to none is a hash of its id, as in
-- src/tenancy/context/pool-shards.ts.
create or replace function tenancy.login_of(p_tenant uuid, p_lane integer) returns text
language sql stable
set search_path = pg_catalog, pg_temp
as $$
  select l.login
  from tenancy.lane_logins as l
  where l.lane = coalesce(
    p_lane,
    ('x' || substr(encode(sha256(convert_to(p_tenant::text, 'UTF8')), 'hex'), 1, 8))::bit(32)::bigint
      % nullif((select count(*) from tenancy.lane_logins as s where s.is_shared), 0)
  )
$$;

comment on function tenancy.login_of(uuid, integer) is
  'Returns the login that serves a tenant which is pinned to a lane, or to none. Null without logins of lanes.';


create or replace function tenancy.lane_login(p_role text) returns text
language sql stable
set search_path = pg_catalog, pg_temp
as $$
  select tenancy.login_of(t.id, t.lane)
  from public.tenants as t
  where t.role_name = p_role
$$;

comment on function tenancy.lane_login(text) is
  'Returns the login that may become a tenant role, in addition to that of DATABASE_URL. Null without logins of lanes.';


create or replace function tenancy.lane_of(p_tenant uuid) returns integer
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
  select t.lane
  from public.tenants as t
  where t.id = p_tenant
$$;

comment on function tenancy.lane_of(uuid) is
  'Returns the lane that a tenant is pinned to, or null.';


create or replace function tenancy.list_lanes()
returns table (login text, is_shared boolean)
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
  select l.login, l.is_shared
  from tenancy.lane_logins as l
  order by l.lane
$$;

comment on function tenancy.list_lanes() is
  'Returns the logins of the lanes, in order. The service compares them with LANE_LOGINS.';

-- temporary-files.sql: a service's login whose statements can fill the disk.
--
--   :'service'   the login of DATABASE_URL
--
-- A row is a login without temp_file_limit, which only a superuser can set. The most specific
-- setting for the login and this database applies.
--
--   psql "$OWNER_DATABASE_URL" -v service=app -f sql/advice/temporary-files.sql

with candidate as (
  select
    case
      when s.setrole <> 0 and s.setdatabase <> 0 then 1
      when s.setrole <> 0 then 2
      when s.setdatabase <> 0 then 3
      else 4
    end as rank,
    split_part(c.setting, '=', 2) as value
  from pg_catalog.pg_db_role_setting as s
  cross join lateral unnest(s.setconfig) as c (setting)
  left join pg_catalog.pg_database as d on d.oid = s.setdatabase
  left join pg_catalog.pg_roles as r on r.oid = s.setrole
  where split_part(c.setting, '=', 1) = 'temp_file_limit'
    and (s.setdatabase = 0 or d.datname = current_database())
    and (s.setrole = 0 or r.rolname = :'service')

  union all

  select 5, g.boot_val
  from pg_catalog.pg_settings as g
  where g.name = 'temp_file_limit'
    and g.source = 'default'
)
select
  format('role %I', :'service') as object,
  'may fill the disk with temporary files' as fault,
  format('alter role %I in database %I set temp_file_limit = ''1GB''', :'service', current_database()) as remedy
from (
  select c.value
  from candidate as c
  order by c.rank
  limit 1
) as nearest
where nearest.value = '-1';

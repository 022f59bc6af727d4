-- service-owns-nothing.sql: objects that the service's login owns.
--
--   :'service'   the login of DATABASE_URL
--
-- A row is an object of any kind. Its owner can grant rights on it, change it and disable its
-- policies. pg_shdepend lists the owners of this database's objects and of shared objects.
--
-- The remedy gives the engine's objects to the engine's owner roles. It gives other objects, such as
-- the database or a table of another application, to the migrating login, which runs the remedy. If another
-- application uses the service's login, it must keep its objects, so the service needs another
-- login. The owner of an extension cannot be changed: there is no ALTER EXTENSION … OWNER TO.
--
--   psql "$OWNER_DATABASE_URL" -v service=app -f sql/checks/service-owns-nothing.sql

with owned as (
  select
    pg_identify_object(d.classid, d.objid, d.objsubid) as found
  from pg_catalog.pg_shdepend as d
  join pg_catalog.pg_roles as r on r.oid = d.refobjid
  where d.refclassid = 'pg_catalog.pg_authid'::regclass
    and d.deptype = 'o'
    and r.rolname = :'service'
    and d.dbid in (0, (select b.oid from pg_catalog.pg_database as b where b.datname = current_database()))
    and (
      -- A sequence of a column has the owner of its table, which is listed.
      d.classid = 'pg_catalog.pg_class'::regclass
      and exists (
        select
        from pg_catalog.pg_depend as k
        where k.classid = d.classid
          and k.objid = d.objid
          and k.refclassid = d.classid
          and k.refobjsubid > 0
          and k.deptype in ('a', 'i')
      )
    ) is not true
)
select
  format('%s %s', (o.found).type, (o.found).identity) as object,
  format('is owned by the service''s login, %I', :'service') as fault,
  case
    when (o.found).type = 'extension'
      then 'set DATABASE_URL to another login, which `make migrate` creates'
    else case
      when n.nspowner = 'tenant_owner'::regrole
        or n.nspname in ('tenancy', 'tenancy_migrations')
        or (o.found).identity in ('public.tenants', 'public.domains')
        or (o.found).type = 'database' then ''
      else format('if another application uses %I, set DATABASE_URL to another login; otherwise ', :'service')
    end || format(
      'alter %s %s owner to %s',
      (o.found).type,
      (o.found).identity,
      case
        when n.nspowner = 'tenant_owner'::regrole then 'tenant_owner'
        when n.nspname in ('tenancy', 'tenancy_migrations') then 'tenancy_owner'
        when (o.found).identity in ('public.tenants', 'public.domains') then 'tenancy_owner'
        else 'current_user'
      end
    )
  end as remedy
from owned as o
left join pg_catalog.pg_namespace as n on quote_ident(n.nspname) = (o.found).schema
order by object;

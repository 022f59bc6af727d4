-- tenancy-rights.sql: unexpected rights in schema tenancy.
--
-- A row is a function, a table or the schema itself with a right that sql/shared/grants.sql
-- does not grant; or an object of schema tenancy or of the registry with another owner than
-- expected. A role that may call mac or install_key can create proofs for any tenant.
--
--   psql "$OWNER_DATABASE_URL" -f sql/checks/tenancy-rights.sql

with granted as (
  select
    'function' as kind,
    format('%I.%I(%s)', n.nspname, p.proname, oidvectortypes(p.proargtypes)) as identity,
    p.proowner as owner,
    a.grantee,
    a.privilege_type,
    case
      when p.proname in (
        'current_tenant', 'my_tenant', 'my_domains', 'mark_due', 'reschedule_due', 'require', 'reject',
        'lock_limit', 'my_subscription', 'my_domain_records', 'own_audit_events', 'record_own_event'
      ) then true
      when p.proname in (
        'enter', 'resolve_host', 'database_of', 'export_copy', 'import_copy', 'version', 'shared_migrations',
        'find_due', 'statistics', 'is_in_transaction', 'global_migrations', 'fleet_check', 'record_fleet_check',
        'lane_of', 'list_lanes', 'request_operation', 'list_operations', 'find_operation', 'cancel_operation',
        'retry_operation', 'list_tenants', 'show_tenant', 'fleet_overview', 'list_audit_events',
        'record_operator_event', 'list_dumps'
      ) then a.grantee <> 0
      when p.proname in ('enter_owner', 'protect_schema', 'limit_rows') then a.grantee = 'tenant_owner'::regrole
      when p.proname in ('protect_global', 'protect_global_table') then a.grantee::regrole::text = 'global_owner'
      else false
    end as is_expected
  from pg_catalog.pg_proc as p
  join pg_catalog.pg_namespace as n on n.oid = p.pronamespace
  cross join lateral aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) as a
  where n.nspname = 'tenancy'

  union all

  select
    case when c.relkind = 'S' then 'sequence' else 'table' end,
    format('%I.%I', n.nspname, c.relname),
    c.relowner,
    a.grantee,
    a.privilege_type,
    false
  from pg_catalog.pg_class as c
  join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
  cross join lateral (
    select e.grantee, e.privilege_type
    from aclexplode(c.relacl) as e
    union all
    select e.grantee, e.privilege_type
    from pg_catalog.pg_attribute as t
    cross join lateral aclexplode(t.attacl) as e
    where t.attrelid = c.oid
      and t.attacl is not null
  ) as a
  where n.nspname = 'tenancy'

  union all

  select
    'schema',
    n.nspname,
    n.nspowner,
    a.grantee,
    a.privilege_type,
    a.privilege_type = 'USAGE'
  from pg_catalog.pg_namespace as n
  cross join lateral aclexplode(n.nspacl) as a
  where n.nspname = 'tenancy'
)
select
  format('%s %s', g.kind, g.identity) as object,
  format('gives %s to %s', g.privilege_type, w.who) as fault,
  format('revoke %s on %s %s from %s', lower(g.privilege_type), g.kind, g.identity, w.who) as remedy
from granted as g
cross join lateral (
  select case when g.grantee = 0 then 'PUBLIC' else g.grantee::regrole::text end as who
) as w
where g.grantee <> g.owner
  and not g.is_expected

union all

select
  format('table %I.%I', n.nspname, c.relname),
  format('belongs to %s and not to tenancy_owner', c.relowner::regrole),
  format('alter table %I.%I owner to tenancy_owner', n.nspname, c.relname)
from pg_catalog.pg_class as c
join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
where (n.nspname = 'tenancy' or (n.nspname = 'public' and c.relname in ('tenants', 'domains')))
  and c.relkind in ('r', 'p')
  and c.relowner <> 'tenancy_owner'::regrole

order by object, fault;

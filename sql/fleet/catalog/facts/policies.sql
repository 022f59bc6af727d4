-- policies.sql: policies, triggers and rules of tables.

select
  r.schema_name,
  'policy',
  format('%s on %s', p.polname, r.relname),
  format(
    '%s for %s to %s using (%s) with check (%s)',
    case when p.polpermissive then 'permissive' else 'restrictive' end,
    p.polcmd,
    (
      select string_agg(case u.id when 0 then 'public' else u.id::regrole::text end, ', ' order by u.id)
      from unnest(p.polroles) as u (id)
    ),
    pg_get_expr(p.polqual, p.polrelid),
    pg_get_expr(p.polwithcheck, p.polrelid)
  )
from relation as r
join pg_catalog.pg_policy as p on p.polrelid = r.oid

union all

select
  r.schema_name,
  'trigger',
  format('%s on %s', g.tgname, r.relname),
  concat_ws(
    ' ',
    pg_get_triggerdef(g.oid),
    case when g.tgenabled <> 'O' then 'enabled ' || g.tgenabled::text end
  )
from relation as r
join pg_catalog.pg_trigger as g on g.tgrelid = r.oid
where not g.tgisinternal

union all

select
  r.schema_name,
  'rule',
  format('%s on %s', u.rulename, r.relname),
  pg_get_ruledef(u.oid)
from relation as r
join pg_catalog.pg_rewrite as u on u.ev_class = r.oid
where u.rulename <> '_RETURN'

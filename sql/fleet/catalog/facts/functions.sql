-- functions.sql: functions, operators and extended statistics.

select
  s.schema_name,
  'function',
  format('%s(%s)', f.proname, pg_get_function_identity_arguments(f.oid)),
  concat_ws(
    ', ',
    case
      when f.prokind = 'a' then (
        select format(
          'aggregate, %s of %s%s, finally %s',
          g.aggtransfn::regprocedure,
          format_type(g.aggtranstype, null),
          ' from ' || g.agginitval,
          g.aggfinalfn::regprocedure
        )
        from pg_catalog.pg_aggregate as g
        where g.aggfnoid = f.oid
      )
      else regexp_replace(pg_get_functiondef(f.oid), s.own_path, '\1''<schema>''', 'n')
    end,
    format('owned by %s', f.proowner::regrole),
    f.proacl::text
  )
from tenant as s
join pg_catalog.pg_proc as f on f.pronamespace = s.oid

union all

select
  s.schema_name,
  'operator',
  format('%s (%s, %s)', o.oprname, format_type(o.oprleft, null), format_type(o.oprright, null)),
  format('%s, owned by %s', o.oprcode::regprocedure, o.oprowner::regrole)
from tenant as s
join pg_catalog.pg_operator as o on o.oprnamespace = s.oid

union all

select
  s.schema_name,
  'statistics',
  x.stxname,
  pg_get_statisticsobjdef(x.oid)
from tenant as s
join pg_catalog.pg_statistic_ext as x on x.stxnamespace = s.oid

-- comments.sql: comments on every kind of object of the other files.

select
  o.schema_name,
  'comment on',
  case
    when d.classoid = 'pg_catalog.pg_namespace'::regclass then 'schema'
    else concat_ws(' ', i.type, i.identity)
  end,
  d.description
from (
  select s.schema_name, 'pg_catalog.pg_namespace'::regclass as class, s.oid
  from tenant as s
  union all
  select r.schema_name, 'pg_catalog.pg_class'::regclass, r.oid
  from relation as r
  union all
  select s.schema_name, 'pg_catalog.pg_constraint'::regclass, k.oid
  from tenant as s
  join pg_catalog.pg_constraint as k on k.connamespace = s.oid
  union all
  select r.schema_name, 'pg_catalog.pg_trigger'::regclass, g.oid
  from relation as r
  join pg_catalog.pg_trigger as g on g.tgrelid = r.oid
  union all
  select r.schema_name, 'pg_catalog.pg_policy'::regclass, p.oid
  from relation as r
  join pg_catalog.pg_policy as p on p.polrelid = r.oid
  union all
  select r.schema_name, 'pg_catalog.pg_rewrite'::regclass, u.oid
  from relation as r
  join pg_catalog.pg_rewrite as u on u.ev_class = r.oid
  union all
  select s.schema_name, 'pg_catalog.pg_proc'::regclass, f.oid
  from tenant as s
  join pg_catalog.pg_proc as f on f.pronamespace = s.oid
  union all
  select s.schema_name, 'pg_catalog.pg_type'::regclass, y.oid
  from tenant as s
  join pg_catalog.pg_type as y on y.typnamespace = s.oid
  union all
  select s.schema_name, 'pg_catalog.pg_statistic_ext'::regclass, x.oid
  from tenant as s
  join pg_catalog.pg_statistic_ext as x on x.stxnamespace = s.oid
  union all
  select s.schema_name, 'pg_catalog.pg_operator'::regclass, o.oid
  from tenant as s
  join pg_catalog.pg_operator as o on o.oprnamespace = s.oid
) as o
join pg_catalog.pg_description as d on d.classoid = o.class and d.objoid = o.oid
cross join lateral pg_identify_object(d.classoid, d.objoid, d.objsubid) as i

-- relations.sql: schemas, relations, and the rights on them.
--
-- A fact is (schema_name, kind, name, definition), one for each object. Not compared: the order of
-- columns, which may differ in a restored tenant, and the values of sequences.

select
  s.schema_name,
  'schema' as kind,
  -- Not the type name, which the union would take from the relations and cut to 63 bytes.
  ''::text as name,
  format(
    'owned by %s, %s',
    s.nspowner::regrole,
    (
      select string_agg(
        format('%s to %s', a.privilege_type, a.grantee::regrole),
        ', '
        -- Its own role first: the position of its name among others depends on the tenant
        -- and the collation.
        order by nullif(a.grantee::regrole::text, s.role_name) collate "C" nulls first, a.privilege_type
      )
      from aclexplode(s.nspacl) as a
    )
  ) as definition
from tenant as s

union all

select
  r.schema_name,
  case r.relkind
    when 'v' then 'view'
    when 'm' then 'materialized view'
    when 'S' then 'sequence'
    when 'f' then 'foreign table'
    else 'table'
  end,
  r.relname,
  concat_ws(
    ', ',
    format('owned by %s', r.relowner::regrole),
    case r.relpersistence when 'u' then 'unlogged' end,
    case when r.relrowsecurity then 'row-level security' end,
    case when r.relforcerowsecurity then 'forced' end,
    array_to_string(r.reloptions, ' '),
    case when r.relkind = 'p' then pg_get_partkeydef(r.oid) end,
    case when r.relispartition then pg_get_expr(r.relpartbound, r.oid) end,
    (
      select string_agg(i.inhparent::regclass::text, ' ' order by i.inhseqno)
      from pg_catalog.pg_inherits as i
      where i.inhrelid = r.oid
    ),
    case when r.relkind in ('v', 'm') then pg_get_viewdef(r.oid) end,
    (
      select format(
        '%s from %s by %s, %s to %s%s',
        format_type(q.seqtypid, null),
        q.seqstart,
        q.seqincrement,
        q.seqmin,
        q.seqmax,
        case when q.seqcycle then ', cycles' end
      )
      from pg_catalog.pg_sequence as q
      where q.seqrelid = r.oid
    )
  )
from relation as r
where r.relkind in ('r', 'p', 'v', 'm', 'S', 'f')

union all

select
  r.schema_name,
  'rights on',
  r.relname,
  coalesce(
    string_agg(
      format(
        '%s to %s%s',
        a.privilege_type,
        case a.grantee when 0 then 'public' else a.grantee::regrole::text end,
        case when a.is_grantable then ' with grant option' end
      ),
      ', '
      order by nullif(a.grantee::regrole::text, r.role_name) collate "C" nulls first, a.privilege_type
    ),
    'the owner''s'
  )
from relation as r
left join lateral aclexplode(r.relacl) as a on a.grantee <> r.relowner
where r.relkind in ('r', 'p', 'v', 'm', 'S', 'f')
group by r.schema_name, r.relname

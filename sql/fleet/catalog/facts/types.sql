-- types.sql: domains, enums, ranges and composite types.

select
  s.schema_name,
  'type',
  y.typname,
  case y.typtype
    when 'e' then (
      select string_agg(quote_literal(e.enumlabel), ', ' order by e.enumsortorder)
      from pg_catalog.pg_enum as e
      where e.enumtypid = y.oid
    )
    when 'd' then concat_ws(
      ' ',
      format_type(y.typbasetype, y.typtypmod),
      case when y.typnotnull then 'not null' end,
      'default ' || y.typdefault,
      (
        select string_agg(pg_get_constraintdef(k.oid, true), ' ' order by k.conname)
        from pg_catalog.pg_constraint as k
        where k.contypid = y.oid
          and k.contype <> 'n'
      )
    )
    when 'c' then (
      select string_agg(
        format('%s %s', a.attname, format_type(a.atttypid, a.atttypmod)),
        ', '
        order by a.attnum
      )
      from pg_catalog.pg_attribute as a
      where a.attrelid = y.typrelid
        and not a.attisdropped
    )
    when 'r' then (
      select concat_ws(
        ', ',
        'range of ' || format_type(g.rngsubtype, null),
        case when g.rngcollation <> 0 then format('collate %s', g.rngcollation::regcollation) end,
        case when g.rngcanonical <> 0 then format('canonical %s', g.rngcanonical::regprocedure) end,
        case when g.rngsubdiff <> 0 then format('difference %s', g.rngsubdiff::regprocedure) end,
        'multirange ' || format_type(g.rngmultitypid, null)
      )
      from pg_catalog.pg_range as g
      where g.rngtypid = y.oid
    )
    else y.typtype::text
  end
from tenant as s
join pg_catalog.pg_type as y on y.typnamespace = s.oid
left join pg_catalog.pg_class as c on c.oid = y.typrelid
where y.typtype in ('d', 'e', 'r')
  or c.relkind = 'c'

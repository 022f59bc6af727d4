-- comparable.sql: the facts without the names of the schema and of its role, so that two tenants of
-- one version are equal.

select
  f.schema_name,
  f.kind,
  regexp_replace(f.name, s.prefix, '', 'g') as name,
  regexp_replace(replace(coalesce(f.definition, ''), s.role_name, '<role>'), s.prefix, '', 'g') as definition
from fact as f
join tenant as s on s.schema_name = f.schema_name

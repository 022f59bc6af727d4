-- relation.sql: tables, views, sequences, indexes and composite types of the schemas.

select
  s.schema_name,
  s.role_name,
  c.oid,
  c.relname,
  c.relkind,
  c.relowner,
  c.relacl,
  c.relpersistence,
  c.relrowsecurity,
  c.relforcerowsecurity,
  c.reloptions,
  c.relispartition,
  c.relpartbound
from tenant as s
join pg_catalog.pg_class as c on c.relnamespace = s.oid

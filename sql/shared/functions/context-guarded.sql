-- functions/context-guarded.sql: the context in a setting that only enter may change.
--
-- Only a superuser may set backtrace_functions. It is free text, readable by all, and has no
-- effect unless a C function has that name. tenancy_owner is granted SET on it; PostgreSQL
-- rejects the tenant roles and the service's login. The planner inlines current_tenant(): a
-- policy costs as much as a bare current_setting().
--
-- The installer has granted SET ON PARAMETER to tenancy_owner before this.

create or replace function tenancy.current_tenant() returns text
language sql stable
return current_setting('backtrace_functions');

create or replace function tenancy.set_context(p_role text) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  if (p_role ~ '^t_[0-9a-f]{32}$') is not true then
    raise exception 'not a tenant role' using errcode = 'KT001';
  end if;
  if (current_setting('backtrace_functions') in ('', p_role)) is not true then
    raise exception 'this transaction has entered another tenant' using errcode = 'KT008';
  end if;
  perform set_config('backtrace_functions', p_role, true);
end
$$;

comment on function tenancy.current_tenant() is
  'The role name of the tenant that this transaction has entered. Only enter and enter_owner can change it.';

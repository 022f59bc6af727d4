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

-- The planner replaces a call by this expression. Its names are resolved at creation, so no search path changes them.
-- Null needs a condition of its own: in an empty context, the first one is true.
create or replace function tenancy.set_context(p_role text) returns text
language sql
return case
  when current_setting('backtrace_functions') in ('', p_role) and p_role is not null
    then set_config('backtrace_functions', p_role, true)
  else tenancy.reject_second_tenant()
end;

comment on function tenancy.current_tenant() is
  'The role name of the tenant that this transaction has entered. Only enter and enter_owner can change it.';

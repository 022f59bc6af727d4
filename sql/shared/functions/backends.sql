-- functions/backends.sql: the state of a backend of the service's login.

-- A transaction holds the lock on its own virtual id until it has ended.
create or replace function tenancy.is_in_transaction(p_backend integer) returns boolean
language sql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
  select exists (
    select
    from pg_lock_status() as l
    where l.locktype = 'virtualxid'
      and l.pid = p_backend
      and l.mode = 'ExclusiveLock'
      and exists (
        select
        from pg_stat_get_activity(p_backend) as a
        where a.usesysid = session_user::regrole
      )
  )
$$;

comment on function tenancy.is_in_transaction(integer) is
  'Whether a backend of the calling login is in a transaction. Called after a timeout, to find out whether the backend has finished.';

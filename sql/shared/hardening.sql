-- hardening.sql: take from PUBLIC what would let one expression walk around a wall.
--
--   :"service"   the login of DATABASE_URL
--
-- Without it the role wall falls to one expression:
--   select set_config('role', 't_…', true) || query_to_xml('select …', …)
-- A REVOKE by a login that may not revoke is a warning and no error, so what is
-- in force is read back by sql/checks/unhardened.sql, never assumed.
--
-- Idempotent. Needs a superuser.

do $hardening$
declare
  v_function regprocedure;
begin
  for v_function in
    select p.oid::regprocedure
    from pg_catalog.pg_proc as p
    where p.pronamespace = 'pg_catalog'::regnamespace
      and (
        p.proname in (
          'set_config',
          -- run SQL text inside an expression
          'query_to_xml', 'query_to_xmlschema', 'query_to_xml_and_xmlschema',
          'table_to_xml', 'table_to_xmlschema', 'table_to_xml_and_xmlschema',
          'schema_to_xml', 'schema_to_xmlschema', 'schema_to_xml_and_xmlschema',
          'database_to_xml', 'database_to_xmlschema', 'database_to_xml_and_xmlschema',
          'cursor_to_xml', 'cursor_to_xmlschema',
          'ts_stat', 'ts_rewrite',
          -- shared by the whole database
          'pg_notify', 'pg_cancel_backend', 'pg_terminate_backend', 'pg_export_snapshot',
          'pg_lock_status', 'pg_logical_emit_message', 'pg_sequence_last_value', 'pg_get_sequence_data',
          -- time and size as oracles
          'pg_sleep', 'pg_sleep_for', 'pg_sleep_until',
          'pg_relation_size', 'pg_total_relation_size', 'pg_table_size', 'pg_indexes_size',
          'pg_database_size', 'pg_tablespace_size',
          -- what the others write, and who of them waits for whom
          'pg_current_wal_lsn', 'pg_current_wal_insert_lsn', 'pg_current_wal_flush_lsn',
          'pg_last_wal_receive_lsn', 'pg_last_wal_replay_lsn', 'pg_control_checkpoint', 'pg_control_recovery',
          'pg_available_wal_summaries', 'pg_wal_summary_contents', 'pg_get_wal_summarizer_state',
          'pg_last_committed_xact', 'pg_xact_commit_timestamp', 'pg_xact_commit_timestamp_origin',
          'pg_blocking_pids', 'pg_safe_snapshot_blocking_pids', 'pg_isolation_test_session_is_blocked',
          'pg_notification_queue_usage',
          -- looks at rows past their policy
          'currtid2',
          -- outlives the transaction, and no reset of the session takes it back
          'setseed',
          'loread', 'lowrite'
        )
        or p.proname like 'pg\_stat\_get\_%'
        or p.proname like 'lo\_%'
        or p.proname like 'pg\_%advisory%'
      )
  loop
    execute format('revoke execute on function %s from public', v_function);
  end loop;
end
$hardening$;

revoke usage on language plpgsql, sql from public;
revoke select on
  pg_catalog.pg_stat_activity,
  pg_catalog.pg_stat_all_tables,
  pg_catalog.pg_stat_user_tables,
  pg_catalog.pg_stat_xact_all_tables,
  pg_catalog.pg_stat_xact_user_tables,
  pg_catalog.pg_stat_all_indexes,
  pg_catalog.pg_stat_user_indexes,
  pg_catalog.pg_statio_all_tables,
  pg_catalog.pg_statio_user_tables,
  pg_catalog.pg_stat_database,
  pg_catalog.pg_locks,
  pg_catalog.pg_prepared_xacts,
  pg_catalog.pg_cursors
from public;
revoke all on schema public from public;

-- Given back by name.
grant execute on function pg_catalog.set_config(text, text, boolean) to :"service", tenant_owner;
grant usage on language plpgsql, sql to tenant_owner;

-- The doors, which run as tenancy_owner: they tell of changes, and lock whom they let
-- in. And the migrating login: locks of migrations and moves, pg_dump's set_config,
-- what announces a move, and what an online move looks at and ends (17 gave some of
-- these an argument more). One that is no superuser has them as a member of
-- tenancy_owner: a provider that hardens for it does not know its name.
do $given_back$
declare
  v_grantee name;
  v_function regprocedure;
begin
  for v_grantee in
    select current_user
    union
    select 'tenancy_owner'
  loop
    execute format('grant usage on language plpgsql, sql to %I', v_grantee);
    for v_function in
      select p.oid::regprocedure
      from pg_catalog.pg_proc as p
      where p.pronamespace = 'pg_catalog'::regnamespace
        and p.proname in (
          'set_config', 'pg_notify', 'pg_terminate_backend',
          'pg_logical_emit_message', 'pg_current_wal_flush_lsn',
          'pg_advisory_lock', 'pg_try_advisory_lock', 'pg_advisory_unlock',
          'pg_advisory_xact_lock', 'pg_try_advisory_xact_lock_shared',
          'pg_stat_get_activity', 'pg_stat_get_wal_senders', 'pg_stat_get_subscription'
        )
    loop
      execute format('grant execute on function %s to %I', v_function, v_grantee);
    end loop;
  end loop;
end
$given_back$;

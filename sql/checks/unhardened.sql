-- unhardened.sql: what sql/shared/hardening.sql takes from PUBLIC, and PUBLIC still has.
--
-- A REVOKE by who may not revoke is a warning and no error, so this reads what is
-- in force. With a row the role wall falls to one expression, or a neighbour's
-- rows can be counted, timed and waited for. Only an installation that cannot be
-- hardened (no superuser) may live with it, by ALLOW_UNHARDENED=true.
--
-- The lists are those of hardening.sql; a test holds the two together.
--
--   psql "$OWNER_DATABASE_URL" -f sql/checks/unhardened.sql

select
  format('function pg_catalog.%I(%s)', p.proname, oidvectortypes(p.proargtypes)) as object,
  'may be called by PUBLIC' as fault,
  format(
    'revoke execute on function pg_catalog.%I(%s) from public',
    p.proname,
    oidvectortypes(p.proargtypes)
  ) as remedy
from pg_catalog.pg_proc as p
cross join lateral aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) as a
where p.pronamespace = 'pg_catalog'::regnamespace
  and a.grantee = 0
  and (
    p.proname in (
      'set_config',
      'query_to_xml', 'query_to_xmlschema', 'query_to_xml_and_xmlschema',
      'table_to_xml', 'table_to_xmlschema', 'table_to_xml_and_xmlschema',
      'schema_to_xml', 'schema_to_xmlschema', 'schema_to_xml_and_xmlschema',
      'database_to_xml', 'database_to_xmlschema', 'database_to_xml_and_xmlschema',
      'cursor_to_xml', 'cursor_to_xmlschema',
      'ts_stat', 'ts_rewrite',
      'pg_notify', 'pg_cancel_backend', 'pg_terminate_backend', 'pg_export_snapshot',
      'pg_lock_status', 'pg_logical_emit_message', 'pg_sequence_last_value', 'pg_get_sequence_data',
      'pg_sleep', 'pg_sleep_for', 'pg_sleep_until',
      'pg_relation_size', 'pg_total_relation_size', 'pg_table_size', 'pg_indexes_size',
      'pg_database_size', 'pg_tablespace_size',
      'pg_current_wal_lsn', 'pg_current_wal_insert_lsn', 'pg_current_wal_flush_lsn',
      'pg_last_wal_receive_lsn', 'pg_last_wal_replay_lsn', 'pg_control_checkpoint', 'pg_control_recovery',
      'pg_available_wal_summaries', 'pg_wal_summary_contents', 'pg_get_wal_summarizer_state',
      'pg_last_committed_xact', 'pg_xact_commit_timestamp', 'pg_xact_commit_timestamp_origin',
      'pg_blocking_pids', 'pg_safe_snapshot_blocking_pids', 'pg_isolation_test_session_is_blocked',
      'pg_notification_queue_usage',
      'currtid2',
      'setseed',
      'loread', 'lowrite'
    )
    or p.proname like 'pg\_stat\_get\_%'
    or p.proname like 'lo\_%'
    or p.proname like 'pg\_%advisory%'
  )

union all

select
  format('language %I', l.lanname),
  'may be written in by PUBLIC',
  format('revoke usage on language %I from public', l.lanname)
from pg_catalog.pg_language as l
cross join lateral aclexplode(coalesce(l.lanacl, acldefault('l', l.lanowner))) as a
where l.lanpltrusted
  and a.grantee = 0

union all

select
  format('view pg_catalog.%I', c.relname),
  'may be read by PUBLIC',
  format('revoke select on pg_catalog.%I from public', c.relname)
from pg_catalog.pg_class as c
cross join lateral aclexplode(c.relacl) as a
where c.relnamespace = 'pg_catalog'::regnamespace
  and a.grantee = 0
  and a.privilege_type = 'SELECT'
  and c.relname in (
    'pg_stat_activity',
    'pg_stat_all_tables',
    'pg_stat_user_tables',
    'pg_stat_xact_all_tables',
    'pg_stat_xact_user_tables',
    'pg_stat_all_indexes',
    'pg_stat_user_indexes',
    'pg_statio_all_tables',
    'pg_statio_user_tables',
    'pg_stat_database',
    'pg_locks',
    'pg_prepared_xacts',
    'pg_cursors'
  )

union all

select
  format('database %I', d.datname),
  format('gives %s to PUBLIC', a.privilege_type),
  format('revoke %s on database %I from public', lower(a.privilege_type), d.datname)
from pg_catalog.pg_database as d
cross join lateral aclexplode(coalesce(d.datacl, acldefault('d', d.datdba))) as a
where d.datname = current_database()
  and a.grantee = 0

union all

select
  'schema public',
  format('gives %s to PUBLIC', a.privilege_type),
  format('revoke %s on schema public from public', lower(a.privilege_type))
from pg_catalog.pg_namespace as n
cross join lateral aclexplode(n.nspacl) as a
where n.nspname = 'public'
  and a.grantee = 0

order by object, fault;

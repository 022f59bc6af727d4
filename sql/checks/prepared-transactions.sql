-- prepared-transactions.sql: two-phase commit, with which locks outlive their session.
--
-- A row says that PREPARE TRANSACTION is possible: a prepared transaction would keep its
-- locks, including the tenant's, and no timeout would end it. PostgreSQL does not start with 0
-- while a prepared transaction exists, and a standby does not start with less than its
-- primary.
--
--   psql "$OWNER_DATABASE_URL" -f sql/checks/prepared-transactions.sql

select
  'parameter max_prepared_transactions' as object,
  format('is %s, and must be 0', current_setting('max_prepared_transactions')) as fault,
  'use a server of its own if another application of this server needs them; otherwise commit or roll back every '
    'transaction of pg_prepared_xacts, then alter system set max_prepared_transactions = 0 and restart PostgreSQL, '
    'a primary before its standbys' as remedy
where current_setting('max_prepared_transactions') <> '0';

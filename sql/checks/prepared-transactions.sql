-- prepared-transactions.sql: two-phase commit, which carries locks out of their session.
--
-- A row says that PREPARE TRANSACTION is possible: a transaction could be parked
-- with its locks, the tenant's among them, and no timeout would end it.
--
--   psql "$OWNER_DATABASE_URL" -f sql/checks/prepared-transactions.sql

select
  'parameter max_prepared_transactions' as object,
  format('is %s, and must be 0', current_setting('max_prepared_transactions')) as fault,
  'alter system set max_prepared_transactions = 0, then restart PostgreSQL' as remedy
where current_setting('max_prepared_transactions') <> '0';

-- logged-parameters.sql: bound values in the server's log.
--
-- A row is a setting that makes PostgreSQL log the values of a failed statement, which include
-- the proofs of tenants.
--
--   psql "$OWNER_DATABASE_URL" -f sql/advice/logged-parameters.sql

select
  'parameter log_parameter_max_length_on_error' as object,
  format('is %s: values of failed statements are logged', current_setting('log_parameter_max_length_on_error')) as fault,
  'alter system set log_parameter_max_length_on_error = 0; select pg_reload_conf()' as remedy
where current_setting('log_parameter_max_length_on_error') <> '0';

-- old-minors.sql: a PostgreSQL release with published vulnerabilities that concern isolation.
--
-- A row is a minor version from before the fix of:
--
--   policies   CVE-2023-2455 (15.3) and CVE-2024-10976 (15.9, 16.5, 17.1): a query planned with the
--              policies of another role; CVE-2024-10978 (same releases; 15.10, 16.6 and 17.2 fix a regression of it): SET ROLE
--              undone to the wrong role; CVE-2024-4317 (15.7, 16.3) and CVE-2025-8713 (15.14, 16.10, 17.6):
--              statistics show rows behind a policy
--   memory     CVE-2026-2004, -2005 and -2006 (15.16, 16.12, 17.8, 18.2) and CVE-2026-6473 (15.18, 16.14,
--              17.10, 18.4): a statement without any privilege can run code in the server process
--   functions  CVE-2026-120141 (json_populate_recordset and its relatives), CVE-2026-14680 (functions with
--              arguments of type internal), CVE-2026-14676 and CVE-2026-6460 (15.20, 16.16, 17.12, 18.7)
--
--   psql "$OWNER_DATABASE_URL" -f sql/errors/old-minors.sql

select
  format('server %s', current_setting('server_version')) as object,
  format('has known vulnerabilities in %s, fixed in %s', r.what, r.repaired) as fault,
  format('upgrade to %s or later', r.repaired) as remedy
from (
  values
    (15, 'row-level security', 150014, '15.14'),
    (16, 'row-level security', 160010, '16.10'),
    (17, 'row-level security', 170006, '17.6'),
    (15, 'memory safety', 150018, '15.18'),
    (16, 'memory safety', 160014, '16.14'),
    (17, 'memory safety', 170010, '17.10'),
    (18, 'memory safety', 180004, '18.4'),
    (15, 'functions that PUBLIC may execute', 150020, '15.20'),
    (16, 'functions that PUBLIC may execute', 160016, '16.16'),
    (17, 'functions that PUBLIC may execute', 170012, '17.12'),
    (18, 'functions that PUBLIC may execute', 180007, '18.7')
) as r (major, what, first_good, repaired)
where current_setting('server_version_num')::integer / 10000 = r.major
  and current_setting('server_version_num')::integer < r.first_good
order by object, fault;

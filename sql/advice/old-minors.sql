-- old-minors.sql: a PostgreSQL with a known fault of policies that roles share.
--
-- A row is a minor version from before the repair of CVE-2025-8713 (statistics
-- tell rows behind a policy) and of those before it that concern us:
-- CVE-2024-10976 and CVE-2023-2455 (a policy planned for another role).
--
--   psql "$OWNER_DATABASE_URL" -f sql/advice/old-minors.sql

select
  format('server %s', current_setting('server_version')) as object,
  format('has known faults of row-level security; %s has not', r.repaired) as fault,
  format('upgrade to %s or later', r.repaired) as remedy
from (
  values
    (15, 150014, '15.14'),
    (16, 160010, '16.10'),
    (17, 170006, '17.6')
) as r (major, first_good, repaired)
where current_setting('server_version_num')::integer / 10000 = r.major
  and current_setting('server_version_num')::integer < r.first_good
order by object;

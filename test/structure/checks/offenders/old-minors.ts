import type { Offender } from '../offender.ts';

export const oldMinors: readonly Offender[] = [
  ...(
    [
      [150_013, '15.13', 'row-level security, fixed in 15.14'],
      [160_009, '16.9', 'row-level security, fixed in 16.10'],
      [170_005, '17.5', 'row-level security, fixed in 17.6'],
      [150_017, '15.17', 'memory safety, fixed in 15.18'],
      [160_013, '16.13', 'memory safety, fixed in 16.14'],
      [170_009, '17.9', 'memory safety, fixed in 17.10'],
      [180_003, '18.3', 'memory safety, fixed in 18.4'],
      [150_019, '15.19', 'functions that PUBLIC may execute, fixed in 15.20'],
      [160_015, '16.15', 'functions that PUBLIC may execute, fixed in 16.16'],
      [170_011, '17.11', 'functions that PUBLIC may execute, fixed in 17.12'],
      [180_006, '18.6', 'functions that PUBLIC may execute, fixed in 18.7'],
    ] as const
  ).map(
    ([number, version, fault]): Offender => ({
      check: 'old-minors',
      severity: 'error',
      what: `PostgreSQL ${version} and its known vulnerabilities`,
      // Simulates a server of another version.
      plant: () => `
        create function public.current_setting(text) returns text language sql
        return case $1 when 'server_version' then '${version}' else '${number}' end;
        set local search_path = public, pg_catalog`,
      found: () => `server ${version} has known vulnerabilities in ${fault}`,
      remedyNotRun: true,
    }),
  ),
];

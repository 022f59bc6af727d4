import type { Offender } from '../offender.ts';

export const oldMinors: readonly Offender[] = [
  ...(
    [
      [150_013, '15.13', 'row-level security; 15.14 has not'],
      [160_009, '16.9', 'row-level security; 16.10 has not'],
      [170_005, '17.5', 'row-level security; 17.6 has not'],
      [150_017, '15.17', 'memory that any statement reaches; 15.18 has not'],
      [160_013, '16.13', 'memory that any statement reaches; 16.14 has not'],
      [170_009, '17.9', 'memory that any statement reaches; 17.10 has not'],
      [180_003, '18.3', 'memory that any statement reaches; 18.4 has not'],
      [150_019, '15.19', 'functions that any login may call; 15.20 has not'],
      [160_015, '16.15', 'functions that any login may call; 16.16 has not'],
      [170_011, '17.11', 'functions that any login may call; 17.12 has not'],
      [180_006, '18.6', 'functions that any login may call; 18.7 has not'],
    ] as const
  ).map(
    ([number, version, fault]): Offender => ({
      check: 'old-minors',
      severity: 'error',
      what: `PostgreSQL ${version} and its known vulnerabilities`,
      // Another version: another answer to the same question.
      plant: () => `
        create function public.current_setting(text) returns text language sql
        return case $1 when 'server_version' then '${version}' else '${number}' end;
        set local search_path = public, pg_catalog`,
      found: () => `server ${version} has known vulnerabilities in ${fault}`,
      mendedElsewhere: true,
    }),
  ),
];

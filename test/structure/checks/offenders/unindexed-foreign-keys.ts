import type { Offender } from '../offender.ts';

export const unindexedForeignKeys: readonly Offender[] = [
  {
    check: 'unindexed-foreign-keys',
    severity: 'advice',
    what: 'a foreign key without an index',
    plant: () =>
      'alter table acme.projects add column maker bigint constraint projects__maker references acme.users',
    found: () => 'table acme.projects has a foreign key, projects__maker, without an index',
  },
];

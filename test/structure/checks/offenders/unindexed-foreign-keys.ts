import type { Offender } from '../offender.ts';

export const unindexedForeignKeys: readonly Offender[] = [
  {
    check: 'unindexed-foreign-keys',
    severity: 'advice',
    what: 'a foreign key without an index',
    plant: () =>
      'alter table acme.notes add column maker bigint constraint notes__maker references acme.people',
    found: () => 'table acme.notes has a foreign key, notes__maker, without an index',
    remedy: () => /^write a tenant migration, .*: create index on notes \(maker\)$/,
    follow: () => 'create index on acme.notes (maker)',
  },
];

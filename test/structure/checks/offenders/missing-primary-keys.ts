import type { Offender } from '../offender.ts';

export const missingPrimaryKeys: readonly Offender[] = [
  {
    check: 'missing-primary-keys',
    severity: 'advice',
    what: 'a table without a primary key',
    plant: () => `create table acme."No key" (name text); alter table acme."No key" owner to tenant_owner`,
    found: () => 'table acme."No key" has no primary key',
    remedy: () => /^write a tenant migration that adds a primary key to "No key", /,
    follow: () => 'alter table acme."No key" add primary key (name)',
  },
];

import type { Offender } from '../offender.ts';

export const leakyViews: readonly Offender[] = [
  {
    check: 'leaky-views',
    what: 'a view with the rights of its owner',
    plant: () => `
      create view acme.v as select id from acme.notes;
      create view acme.fine with (security_invoker = on) as select id from acme.notes`,
    found: () => 'view acme.v runs with the rights of its owner',
  },
  {
    check: 'leaky-views',
    what: 'a view with security_invoker = false',
    plant: () => 'create view acme.v with (security_invoker = off) as select id from acme.notes',
    found: () => 'view acme.v runs with the rights of its owner',
  },
  {
    check: 'leaky-views',
    what: 'a materialized view',
    plant: () => 'create materialized view acme.m as select id from acme.notes',
    found: () => 'materialized view acme.m stores rows that no policy protects',
    remedy: () => /^replace it, in a tenant migration, .*; then drop materialized view acme\.m$/,
    follow: () => 'drop materialized view acme.m',
  },
  {
    check: 'leaky-views',
    what: 'a foreign table',
    plant: () => `
      create foreign data wrapper nowhere;
      create server nowhere foreign data wrapper nowhere;
      create foreign table acme.f (id bigint) server nowhere`,
    found: () => 'foreign table acme.f reads rows that no policy protects',
    follow: () => 'drop foreign table acme.f',
  },
];

import type { Offender } from '../offender.ts';

export const mutablePaths: readonly Offender[] = [
  {
    check: 'mutable-paths',
    severity: 'advice',
    what: "a tenant's function without a pinned path",
    plant: () => `
      create function acme.count_all() returns bigint language sql as 'select 1::bigint';
      alter function acme.count_all() owner to tenant_owner`,
    found: () => 'function acme.count_all() resolves names on the path of its caller',
    remedy: () => 'write a tenant migration: alter function count_all() set search_path from current',
    follow: () => 'alter function acme.count_all() set search_path = acme, pg_temp',
  },
  {
    check: 'mutable-paths',
    severity: 'advice',
    what: "a trigger function that another tenant's statements fire",
    plant: () => `
      create function acme.note_it() returns trigger language plpgsql as 'begin return null; end';
      alter function acme.note_it() owner to tenant_owner;
      create trigger notes after insert on globex.notes for each statement execute function acme.note_it()`,
    found: () => 'function acme.note_it() resolves names on the path of its caller',
    follow: () => 'alter function acme.note_it() set search_path = acme, pg_temp',
  },
  {
    check: 'mutable-paths',
    severity: 'advice',
    what: 'a function pinned to the previous name of its schema',
    plant: () => `
      create function acme.count_all() returns bigint language sql set search_path = acme, pg_temp
      as 'select count(*) from notes';
      alter function acme.count_all() owner to tenant_owner;
      alter schema acme rename to acme_again`,
    found: () =>
      'function acme_again.count_all() resolves names in another schema than its own: acme, pg_temp',
    remedy: () => 'alter function acme_again.count_all() set search_path = acme_again, pg_temp',
  },
  {
    check: 'mutable-paths',
    severity: 'advice',
    what: 'a procedure of tenancy without a pinned path',
    plant: () => `create procedure tenancy.tidy(integer) language plpgsql as 'begin end'`,
    found: () => 'procedure tenancy.tidy(integer) resolves names on the path of its caller',
    remedy: () => 'tenants migrate --reinstall',
    remedyNotRun: true,
  },
];

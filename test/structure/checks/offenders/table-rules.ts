import type { Offender } from '../offender.ts';

export const tableRules: readonly Offender[] = [
  {
    check: 'table-rules',
    what: 'a rule of a table',
    plant: () =>
      'create rule "Takes" as on insert to acme.notes do also delete from globex.notes where id = new.id',
    found: () => 'rule "Takes" on acme.notes runs with the rights of the table owner, not of its caller',
    remedy: () =>
      'replace what it does with a trigger, in a tenant migration; then drop rule "Takes" on acme.notes',
    follow: () => 'drop rule "Takes" on acme.notes',
  },
];

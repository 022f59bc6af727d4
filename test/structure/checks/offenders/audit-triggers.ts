import type { Offender } from '../offender.ts';

const REGISTRY = ['tenants', 'domains'].map((table) => `public.${table}`);

export const auditTriggers: readonly Offender[] = [
  {
    check: 'audit-triggers',
    severity: 'error',
    what: 'an audit whose events can be changed',
    plant: () => 'alter table tenancy.audit_events disable trigger audit_events__append_only',
    found: () => 'table tenancy.audit_events events can be changed: its trigger is disabled',
  },
  {
    check: 'audit-triggers',
    severity: 'error',
    what: 'an audit whose events a session in mode replica can change',
    plant: () => 'alter table tenancy.audit_events enable trigger audit_events__append_only',
    found: () => 'table tenancy.audit_events events can be changed: its trigger is disabled',
  },
  {
    check: 'audit-triggers',
    severity: 'error',
    what: 'an audit without its trigger',
    plant: () => 'drop trigger audit_events__append_only on tenancy.audit_events',
    found: () => 'table tenancy.audit_events events can be changed: its trigger is missing',
  },
  ...[...REGISTRY, 'tenancy.payments', 'tenancy.subscriptions'].map(
    (table): Offender => ({
      check: 'audit-triggers',
      severity: 'error',
      what: `changes of ${table} that no event records`,
      plant: () => `drop trigger ${table.split('.')[1]}__audit on ${table}`,
      found: () => `table ${table} changes are not recorded in the audit: its trigger is missing`,
    }),
  ),
];

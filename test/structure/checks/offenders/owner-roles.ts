import type { Offender } from '../offender.ts';

export const ownerRoles: readonly Offender[] = [
  {
    check: 'owner-roles',
    what: 'an owner that can log in',
    plant: () => 'alter role tenancy_owner login',
    found: () => 'role tenancy_owner can log in',
    shared: true,
  },
  {
    check: 'owner-roles',
    what: 'an owner that bypasses row-level security',
    plant: () => 'alter role tenant_owner bypassrls',
    found: () => 'role tenant_owner bypasses row-level security',
    shared: true,
  },
  {
    check: 'owner-roles',
    what: 'an owner that is a member of the other',
    plant: () => 'grant tenancy_owner to tenant_owner',
    found: () => 'role tenant_owner is a member of tenancy_owner',
    shared: true,
  },
];

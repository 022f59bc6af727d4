import type { TenantIdentity } from '../../registry/tenant.ts';

/** Returns the name of publication, slot and subscription of a tenant's move. */
export const replicationName = ({ role }: Pick<TenantIdentity, 'role'>): string =>
  `koa_tenants_${role.replace(/^t_/, '')}`;

/** Returns the name of the slot that provides the snapshot of the copy. It ends with its connection. */
export const snapshotSlotName = (tenant: Pick<TenantIdentity, 'role'>): string =>
  `${replicationName(tenant)}_copy`;

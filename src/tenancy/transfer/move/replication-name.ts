import type { TenantIdentity } from '../../registry/tenant.ts';

/** What publication, slot and subscription of a tenant's move are called, on whichever server. */
export const replicationName = ({ role }: Pick<TenantIdentity, 'role'>): string =>
  `koa_tenants_${role.replace(/^t_/, '')}`;

/** The slot that holds the moment of the copy. It ends with its connection. */
export const snapshotSlotName = (place: Pick<TenantIdentity, 'role'>): string =>
  `${replicationName(place)}_copy`;

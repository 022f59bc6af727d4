import type { TenantIdentity } from './tenant.ts';

/**
 * Returns the name of the lock that prevents changes of a tenant's tables until its move has ended.
 * Taken in the tenant's database.
 */
export const moveLock = ({ role }: Pick<TenantIdentity, 'role'>): string => `migrate ${role}`;

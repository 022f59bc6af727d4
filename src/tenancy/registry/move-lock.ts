import type { TenantIdentity } from './tenant.ts';

/** The lock of a tenant whose tables must stay as they are until its move has ended. On the database where it lives. */
export const moveLock = ({ role }: Pick<TenantIdentity, 'role'>): string => `migrate ${role}`;

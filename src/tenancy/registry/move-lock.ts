import type { Place } from '../lifecycle/provision.ts';

/** The lock of a tenant whose tables must stay as they are until its move has ended. On the database where it lives. */
export const movingLock = ({ role }: Pick<Place, 'role'>): string => `migrate ${role}`;

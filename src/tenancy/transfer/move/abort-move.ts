import { withAdminConnection } from '../../../db/admin/admin-connection.ts';
import { takeSessionLock } from '../../../db/admin/session-lock.ts';
import { chooseDatabase, MAIN } from '../../registry/databases.ts';
import type { Databases } from '../../registry/locate-tenant.ts';
import { findTenant } from '../../registry/registry.ts';
import { busy } from './assert-movable.ts';
import { cleanUpMove } from './clean-up-move.ts';

/**
 * Drops the remains of a killed move, and returns a description of them. The tenant stays in service.
 *
 * @throws DomainError `tenant_not_found`; `tenant_busy` while it is being moved
 */
export async function abortMove(databases: Databases, schema: string): Promise<readonly string[]> {
  const main = chooseDatabase(databases, MAIN);
  const tenant = await withAdminConnection(main.owner, (client) => findTenant(client, schema));
  const lock = await takeSessionLock(main.owner, `move ${tenant.id}`);
  if (!lock) {
    throw busy(schema);
  }
  try {
    return await cleanUpMove(databases, tenant);
  } finally {
    await lock.release();
  }
}

import { setTimeout as wait } from 'node:timers/promises';

import { withAdminConnection } from '../../db/admin/admin-connection.ts';
import { OperatorError } from '../../errors.ts';
import { grantRoleSql, revokeForeignRoles } from '../install/lane-logins.ts';
import { membershipOptions } from '../install/membership.ts';
import { chooseDatabase, MAIN } from '../registry/databases.ts';
import type { Databases } from '../registry/locate-tenant.ts';
import { reconcileRegistry } from '../registry/reconcile-registry.ts';
import { findTenant } from '../registry/registry.ts';

/**
 * Pins a tenant to a lane, or to none, while it is served.
 *
 * First the login of the new lane becomes a member of the tenant's role. Then the registry names the lane, and
 * running processes are notified. After `waitMs` milliseconds, when no process can still use the old lane, its login
 * loses the role. `onPinned` is called before this wait. When the command is interrupted, `tenants check` names the role, and repeating it is safe.
 *
 * @throws OperatorError `usage_invalid` when the lane has no login; DomainError `tenant_not_found`
 */
export async function setLane(
  databases: Databases,
  {
    schema,
    lane,
    waitMs,
    onPinned = () => {},
  }: { schema: string; lane: number | null; waitMs: number; onPinned?: () => void },
): Promise<void> {
  const main = chooseDatabase(databases, MAIN);
  const { id, role, database } = await withAdminConnection(main.owner, (client) =>
    findTenant(client, schema),
  );
  const { owner } = chooseDatabase(databases, database);
  await withAdminConnection(owner, async (client) => {
    const { rows } = await client.query<{ login: string | null }>(
      'select tenancy.login_of($1, $2) as login',
      [id, lane],
    );
    const login = rows[0]?.login;
    if (!login) {
      throw new OperatorError(
        'usage_invalid',
        lane === null
          ? 'The lanes have no logins of their own. Set LANE_LOGINS, and run `tenants migrate`.'
          : `There is no lane ${lane}. Lanes are numbered from 0, in the order of LANE_LOGINS; run \`tenants migrate\` after adding one.`,
      );
    }
    await client.query(grantRoleSql(role, login, await membershipOptions(client)));
  });
  await withAdminConnection(main.owner, (client) =>
    client.query('update public.tenants set lane = $2 where id = $1', [id, lane]),
  );
  if (database !== MAIN) {
    await reconcileRegistry(main.owner, owner, database);
  }
  onPinned();
  await wait(waitMs);
  await withAdminConnection(owner, (client) => revokeForeignRoles(client, role));
}

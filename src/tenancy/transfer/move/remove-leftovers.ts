import type pg from 'pg';

import { withAdminConnection } from '../../../db/admin/admin-connection.ts';
import { OperatorError } from '../../../errors.ts';
import { createTenantSchemaInSteps } from '../../lifecycle/create-in-steps.ts';
import { copyTenantRow, removeStaleTenant } from '../../lifecycle/provision-on.ts';
import { MAIN } from '../../registry/databases.ts';
import type { Move } from './move.ts';

/**
 * Drops remains in the database in which the tenant is to be created, but rejects a retained copy. The
 * tenant's row in that database must name `ownDatabase` as its database.
 *
 * @throws OperatorError `schema_name_taken`
 */
export async function removeLeftovers(
  { main, target, tenant }: Move,
  client: pg.Client,
  ownDatabase: string,
): Promise<void> {
  if (target.name !== MAIN) {
    await withAdminConnection(main.owner, async (registry) => {
      await removeStaleTenant(registry, client, { ...tenant, database: target.name });
      await copyTenantRow(registry, client, { id: tenant.id, database: ownDatabase });
    });
    return;
  }
  const { rows } = await client.query<{ kept_until: string }>(
    `select to_char(k.keep_until at time zone 'UTC', 'YYYY-MM-DD') as kept_until
     from tenancy.retained_copies as k
     where k.tenant_id = $1`,
    [tenant.id],
  );
  if (rows[0]) {
    throw new OperatorError(
      'schema_name_taken',
      `Main retains a copy of ${tenant.schema} until ${rows[0].kept_until}. To drop it now, run \`drop-retained-copies --schema ${tenant.schema}\`.`,
    );
  }
}

/**
 * Creates the tenant's tables at the target in several transactions, for migrations that need a commit
 * in between. Its row there names the source as its database until the switch. `abortMove` drops the
 * remains of a move.
 */
export const openTargetInSteps = (move: Move): Promise<void> =>
  createTenantSchemaInSteps(
    move.target.owner,
    { service: move.target.service, project: move.project },
    move.tenant,
    {
      first: (client) => removeLeftovers(move, client, move.source.name),
    },
  );

import { withAdminConnection } from '../../../db/admin/admin-connection.ts';
import { takeSessionLock } from '../../../db/admin/session-lock.ts';
import { dropRetainedCopies } from '../../lifecycle/drop-retained-copies.ts';
import { chooseDatabase, MAIN } from '../../registry/databases.ts';
import { type Databases, locateTenant } from '../../registry/locate-tenant.ts';
import type { TenancyProject } from '../../registry/project.ts';
import { findTenant } from '../../registry/registry.ts';
import { assertMovable, busy } from './assert-movable.ts';
import { cleanUpMove } from './clean-up-move.ts';
import { copyAndSwitch } from './copy-and-switch.ts';
import type { Move, Moved, MoveHooks, MoveLimits } from './move.ts';
import { replicateAndSwitch } from './replicate-and-switch.ts';

export type MoveOptions = MoveLimits &
  MoveHooks &
  Readonly<{
    project: TenancyProject;
    to: string;
    /** Whether to use logical replication: for tenants whose copy takes longer than requests may wait. */
    online?: boolean;
  }>;

async function describeMove(
  databases: Databases,
  schema: string,
  { project, to }: Pick<MoveOptions, 'project' | 'to'>,
): Promise<Move> {
  const main = chooseDatabase(databases, MAIN);
  const target = chooseDatabase(databases, to);
  const source = await locateTenant(databases, schema);
  const tenant = await withAdminConnection(main.owner, (client) => findTenant(client, schema));
  return { main, source, target, tenant, project };
}

/**
 * Moves a tenant to another database while it is in use.
 *
 * Copies its rows from a snapshot and then the changes: in a second pass or, with `online`, by logical
 * replication. Then its requests wait, for at most `blockSeconds`, while the last changes arrive,
 * counts and digests are compared, and main records the new database. After a failure the tenant is in
 * service where it was, and the copy is dropped. The same holds after a crash, except that an online
 * move leaves a copy, and during a part of it a replication slot on the source. The next move or
 * `abortMove` drops them.
 *
 * @throws DomainError `tenant_not_found`, `usage_invalid`, `precondition_failed`, `schema_name_taken`;
 *   `tenant_busy` when its requests or changes did not end in time
 */
export async function moveTenant(
  databases: Databases,
  schema: string,
  { project, to, online = false, ...options }: MoveOptions,
): Promise<Moved> {
  const move = await describeMove(databases, schema, { project, to });
  assertMovable(move);
  const lock = await takeSessionLock(move.main.owner, `move ${move.tenant.id}`);
  if (!lock) {
    throw busy(schema);
  }
  try {
    await cleanUpMove(databases, move.tenant);
    const moved = await (online
      ? replicateAndSwitch(databases, move, options)
      : copyAndSwitch(databases, move, options));
    if (options.keepDays === 0) {
      // It is recorded as retained: if it cannot be dropped now, `dropRetainedCopies` does so later.
      await dropRetainedCopies(databases, { schema }).catch(() => []);
    }
    return moved;
  } finally {
    await lock.release();
  }
}

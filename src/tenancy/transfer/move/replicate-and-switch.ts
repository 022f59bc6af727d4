import { takeSessionLock } from '../../../db/admin/session-lock.ts';
import { OperatorError } from '../../../errors.ts';
import { needsCommit } from '../../migrations/migration-failed.ts';
import type { Databases } from '../../registry/locate-tenant.ts';
import { moveLock } from '../../registry/move-lock.ts';
import { busy } from './assert-movable.ts';
import { assertReplicable } from './assert-replicable.ts';
import { cleanUpMove } from './clean-up-move.ts';
import { copyAndSubscribe } from './copy-and-subscribe.ts';
import { followChanges } from './follow-changes.ts';
import type { Move, Moved, MoveHooks, MoveLimits } from './move.ts';
import { openTargetInSteps } from './remove-leftovers.ts';
import { switchToCopy } from './switch-to-copy.ts';
import { withWritesBlocked } from './write-block.ts';

/** Drops what the move has created, and adds instructions to the error if that fails. */
async function giveUp(databases: Databases, { tenant }: Move, error: unknown): Promise<never> {
  const left = await cleanUpMove(databases, tenant).then(
    () => null,
    (failure: Error) => failure.message,
  );
  throw left === null
    ? error
    : new OperatorError(
        'precondition_failed',
        `${(error as Error).message} Not all of the copy could be dropped (${left}): \`move-tenant --schema ${tenant.schema} --abort\` does it when the servers can be reached.`,
        { cause: error },
      );
}

/**
 * Moves a tenant by logical replication: a copy of one moment, which receives all later changes, and
 * replaces the original when it has all of them.
 *
 * Until then requests cannot enter the copy: its row there names another database. The tenant cannot
 * be migrated meanwhile.
 *
 * @throws as `moveTenant`
 */
export async function replicateAndSwitch(
  databases: Databases,
  move: Move,
  options: MoveLimits & MoveHooks,
): Promise<Moved> {
  await assertReplicable(move);
  const migrations = await takeSessionLock(move.source.owner, moveLock(move.tenant));
  if (!migrations) {
    throw busy(move.tenant.schema);
  }
  try {
    const copy = await copyAndSubscribe(move, options).catch(async (error: unknown) => {
      if (!needsCommit(error)) {
        throw error;
      }
      await cleanUpMove(databases, move.tenant);
      await openTargetInSteps(move);
      return copyAndSubscribe(move, options, { opened: true });
    });
    await options.onStep?.('follow');
    await followChanges(move, options);
    await options.onStep?.('block');
    return await withWritesBlocked(
      move,
      { tables: copy.tables, blockSeconds: options.blockSeconds },
      (window) => switchToCopy(move, copy, window, options),
    );
  } catch (error) {
    return await giveUp(databases, move, error);
  } finally {
    await migrations.release();
  }
}

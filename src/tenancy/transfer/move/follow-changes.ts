import { setTimeout as wait } from 'node:timers/promises';
import type pg from 'pg';

import { withAdminConnection } from '../../../db/admin/admin-connection.ts';
import { type DomainError, OperatorError } from '../../../errors.ts';
import type { Move } from './move.ts';
import { replicationName } from './replication-name.ts';

/** Maximum bytes of WAL that the target may still have to apply when requests are blocked. */
const MAX_BEHIND_BYTES = 1024 * 1024;

/** Maximum number of consecutive checks in which no subscriber reads the slot. After that the move fails. */
const MAX_UNREAD_CHECKS = 120;

/** The state of the move's replication slot on the source. */
type SlotState = Readonly<{
  /** Bytes of WAL that the target has not confirmed. */
  behindBytes: number;
  /** Whether a subscriber reads the slot. */
  isRead: boolean;
  /** Whether the source has removed WAL that the slot still needed. */
  isLost: boolean;
}>;

const replicationStopped = ({ source, target, tenant }: Move): DomainError =>
  new OperatorError(
    'precondition_failed',
    `The server of "${target.name}" stopped replicating from "${source.name}". Its log has the reason. Fix it, and move ${tenant.schema} again.`,
  );

/**
 * Returns the state of the slot, or undefined if it does not exist.
 *
 * @param lsn the WAL position to compare with. Null: the current one
 */
async function readSlot(
  source: pg.ClientBase,
  { tenant }: Move,
  lsn: string | null,
): Promise<SlotState | undefined> {
  const { rows } = await source.query<{ behind: string; isRead: boolean; isLost: boolean }>(
    `select
       pg_wal_lsn_diff(coalesce($2::pg_lsn, pg_current_wal_flush_lsn()), s.confirmed_flush_lsn)::text as behind,
       s.active as "isRead",
       s.wal_status = 'lost' as "isLost"
     from pg_catalog.pg_replication_slots as s
     where s.slot_name = $1`,
    [replicationName(tenant), lsn],
  );
  const [slot] = rows;
  return slot && { isRead: slot.isRead, isLost: slot.isLost, behindBytes: Number(slot.behind) };
}

/**
 * Checks that the subscription is enabled. PostgreSQL disables it when it cannot apply a change.
 *
 * @throws OperatorError `precondition_failed`
 */
async function assertSubscribed(target: pg.ClientBase, move: Move): Promise<void> {
  const { rows } = await target.query<{ enabled: boolean }>(
    'select s.subenabled as enabled from pg_catalog.pg_subscription as s where s.subname = $1',
    [replicationName(move.tenant)],
  );
  if (!rows[0]?.enabled) {
    throw replicationStopped(move);
  }
}

/**
 * Waits until the target is at most `MAX_BEHIND_BYTES` behind the source. `onBehind` is called with the remaining bytes at
 * each check.
 *
 * @throws OperatorError `precondition_failed` when the target does not receive changes
 */
export async function followChanges(
  move: Move,
  {
    signal,
    onBehind,
  }: { signal?: AbortSignal | undefined; onBehind?: ((bytes: number) => void) | undefined },
): Promise<void> {
  let unreadChecks = 0;
  for (;;) {
    signal?.throwIfAborted();
    // A move may take hours. One transaction for all checks would hold back vacuum.
    await withAdminConnection(move.target.owner, (target) => assertSubscribed(target, move));
    const slot = await withAdminConnection(move.source.owner, (source) => readSlot(source, move, null));
    if (!slot || slot.isLost) {
      throw new OperatorError(
        'precondition_failed',
        `The server of "${move.source.name}" has removed WAL that the copy still needed. Raise its max_slot_wal_keep_size, and move ${move.tenant.schema} again.`,
      );
    }
    onBehind?.(slot.behindBytes);
    if (slot.isRead && slot.behindBytes < MAX_BEHIND_BYTES) {
      return;
    }
    unreadChecks = slot.isRead ? 0 : unreadChecks + 1;
    if (unreadChecks > MAX_UNREAD_CHECKS) {
      throw replicationStopped(move);
    }
    await wait(500);
  }
}

/**
 * Waits until the target has applied and flushed all changes that were written on the source before this
 * call.
 *
 * @throws OperatorError `precondition_failed`, and the error of `assertInTime`
 */
export async function awaitAll(move: Move, assertInTime: () => void): Promise<void> {
  // PostgreSQL sends only flushed WAL. Committing a message with synchronous_commit flushes everything before it.
  await withAdminConnection(move.source.owner, async (client) => {
    await client.query('set local synchronous_commit = on');
    await client.query(`select pg_catalog.pg_logical_emit_message(true, 'koa-tenants', 'switch')`);
  });
  const { rows } = await withAdminConnection(move.source.owner, (client) =>
    client.query<{ lsn: string }>('select pg_current_wal_flush_lsn()::text as lsn'),
  );
  await withAdminConnection(move.source.owner, (source) =>
    withAdminConnection(move.target.owner, async (target) => {
      for (;;) {
        assertInTime();
        const slot = await readSlot(source, move, rows[0]?.lsn ?? null);
        if (slot && slot.behindBytes <= 0) {
          return;
        }
        await assertSubscribed(target, move);
        await wait(20);
      }
    }),
  );
}

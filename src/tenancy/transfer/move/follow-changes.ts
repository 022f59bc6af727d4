import { setTimeout as wait } from 'node:timers/promises';

import { withAdminConnection } from '../../../db/admin/admin-connection.ts';
import { type DomainError, OperatorError } from '../../../errors.ts';
import type { Move } from './move.ts';
import { replicationName } from './replication-name.ts';

/** Maximum bytes of the source's log by which a copy may be behind when requests are blocked. */
const MAX_BEHIND_BYTES = 1024 * 1024;

/** Number of checks without a reader of the slot, after which the move fails. */
const MAX_CHECKS = 120;

type Position = Readonly<{ behind: number; read: boolean; lost: boolean }>;

const stopped = ({ source, target, tenant }: Move): DomainError =>
  new OperatorError(
    'precondition_failed',
    `The server of "${target.name}" stopped replicating from "${source.name}". Its log has the reason. Fix it, and move ${tenant.schema} again.`,
  );

async function positionOf({ source, tenant }: Move, lsn: string | null): Promise<Position | undefined> {
  const { rows } = await withAdminConnection(source.owner, (client) =>
    client.query<{ behind: string; read: boolean; lost: boolean }>(
      `select
         pg_wal_lsn_diff(coalesce($2::pg_lsn, pg_current_wal_flush_lsn()), s.confirmed_flush_lsn)::text as behind,
         s.active as read,
         s.wal_status = 'lost' as lost
       from pg_catalog.pg_replication_slots as s
       where s.slot_name = $1`,
      [replicationName(tenant), lsn],
    ),
  );
  const [slot] = rows;
  return slot && { ...slot, behind: Number(slot.behind) };
}

/**
 * Checks that the subscription is enabled. PostgreSQL disables it when a change could not be applied.
 *
 * @throws OperatorError `precondition_failed`
 */
async function assertSubscribed(move: Move): Promise<void> {
  const { rows } = await withAdminConnection(move.target.owner, (client) =>
    client.query<{ enabled: boolean }>(
      'select s.subenabled as enabled from pg_catalog.pg_subscription as s where s.subname = $1',
      [replicationName(move.tenant)],
    ),
  );
  if (!rows[0]?.enabled) {
    throw stopped(move);
  }
}

/**
 * Waits until a copy has nearly the state of its original.
 *
 * @throws OperatorError `precondition_failed` when it does not receive changes
 */
export async function followChanges(
  move: Move,
  {
    signal,
    onBehind,
  }: { signal?: AbortSignal | undefined; onBehind?: ((bytes: number) => void) | undefined },
): Promise<void> {
  let unread = 0;
  for (;;) {
    signal?.throwIfAborted();
    await assertSubscribed(move);
    const position = await positionOf(move, null);
    if (!position || position.lost) {
      throw new OperatorError(
        'precondition_failed',
        `The server of "${move.source.name}" has removed WAL that the copy still needed. Raise its max_slot_wal_keep_size, and move ${move.tenant.schema} again.`,
      );
    }
    onBehind?.(position.behind);
    if (position.read && position.behind < MAX_BEHIND_BYTES) {
      return;
    }
    unread = position.read ? 0 : unread + 1;
    if (unread > MAX_CHECKS) {
      throw stopped(move);
    }
    await wait(500);
  }
}

/**
 * Waits until everything that was written on the source before this call has been applied and flushed
 * at the target.
 *
 * @throws OperatorError `precondition_failed`, and the error of `assertInTime`
 */
export async function awaitAll(move: Move, assertInTime: () => void): Promise<void> {
  // Its commit flushes everything before it: only flushed changes are sent.
  await withAdminConnection(move.source.owner, async (client) => {
    await client.query('set local synchronous_commit = on');
    await client.query(`select pg_catalog.pg_logical_emit_message(true, 'koa-tenants', 'switch')`);
  });
  const { rows } = await withAdminConnection(move.source.owner, (client) =>
    client.query<{ lsn: string }>('select pg_current_wal_flush_lsn()::text as lsn'),
  );
  for (;;) {
    assertInTime();
    const position = await positionOf(move, rows[0]?.lsn ?? null);
    if (position && position.behind <= 0) {
      return;
    }
    await assertSubscribed(move);
    await wait(20);
  }
}

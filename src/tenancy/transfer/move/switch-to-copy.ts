import pg from 'pg';

import { openAdminTransaction } from '../../../db/admin/admin-connection.ts';
import { setSequences } from '../copy/load-tables.ts';
import { readSequences } from '../copy/snapshot.ts';
import { enterTables } from '../copy/tables.ts';
import type { Copy } from './copy-and-subscribe.ts';
import { awaitAll } from './follow-changes.ts';
import type { Move, Moved, MoveHooks, MoveLimits } from './move.ts';
import { replicationName } from './replication-name.ts';
import { dropSlot } from './replication-slot.ts';
import { unsubscribe } from './subscription.ts';
import { switchOver } from './switch-over.ts';
import { verifySwitch } from './verify-switch.ts';
import { type BlockWindow, limitStatements } from './write-block.ts';

/**
 * Completes an online move while writes are blocked: last changes, sequences, triggers, comparison,
 * and the switch in main.
 */
export async function switchToCopy(
  move: Move,
  { tables, rows, resume }: Copy,
  { sourceTransaction, left, assertInTime, passed }: BlockWindow,
  { blockSeconds, keepDays, onStep, signal }: MoveLimits & MoveHooks,
): Promise<Moved> {
  const { source, target, tenant } = move;
  const { schema } = tenant;
  await onStep?.('catch up');
  await awaitAll(move, assertInTime);
  const sequences = await readSequences(sourceTransaction.client, schema);
  const targetTransaction = await openAdminTransaction(target.owner);
  const { client } = targetTransaction;
  try {
    await onStep?.('unsubscribe');
    await unsubscribe(client, tenant);
    // Before the switch: after a crash, no later command would look for the slot here.
    await dropSlot(source.owner, tenant);
    await enterTables(client, schema);
    await limitStatements(client, left());
    await setSequences(client, schema, sequences);
    for (const statement of resume) {
      await client.query(statement);
    }
    await client.query('select tenancy.protect_schema($1)', [schema]);
    const verified = await verifySwitch(sourceTransaction.client, client, {
      schema,
      tables,
      rows,
      // The other half of the time is for the switch.
      left: () => left() - blockSeconds * 500,
    });
    await client.query('set local search_path = pg_catalog, pg_temp');
    await client.query('reset role');
    assertInTime();
    signal?.throwIfAborted();
    await limitStatements(client, 0);
    await onStep?.('switch');
    await sourceTransaction.client.query('reset role');
    await sourceTransaction.client.query(
      `drop publication if exists ${pg.escapeIdentifier(replicationName(tenant))}`,
    );
    await switchOver(move, targetTransaction, sourceTransaction, keepDays);
    return {
      from: source.name,
      to: target.name,
      tables: tables.map(({ name }) => ({
        name,
        rows: verified.get(name) ?? rows.get(name) ?? 0,
        verified: verified.has(name) ? ('switch' as const) : ('snapshot' as const),
      })),
      blocked: Math.round(passed()),
    };
  } finally {
    await targetTransaction.end();
  }
}

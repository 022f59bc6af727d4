import { setTimeout as wait } from 'node:timers/promises';
import pg from 'pg';

import { withAdminConnection } from '../../../db/admin/admin-connection.ts';
import { openReplication } from '../../../db/admin/replication-client.ts';
import { DomainError } from '../../../errors.ts';
import type { TenantIdentity } from '../../registry/tenant.ts';
import { qualified, type TableShape } from '../copy/tables.ts';
import { replicationName, snapshotSlotName } from './replication-name.ts';

/** Publishes a tenant's tables, with what is written to them from now on. Nothing of it leaves without a slot. */
export async function publish(
  owner: pg.ClientConfig,
  place: TenantIdentity,
  tables: readonly TableShape[],
): Promise<void> {
  const list = tables.map(({ name }) => `only ${qualified(place.schema, name)}`).join(', ');
  await withAdminConnection(owner, (client) =>
    client.query(`create publication ${pg.escapeIdentifier(replicationName(place))} for table ${list}`),
  );
}

/** The changes of a tenant from one moment on. */
export type Changes = Readonly<{
  /** The name of the snapshot of that moment. Good for one reader, until `end`. */
  snapshot: string;
  /** Makes the slot outlive this process: from here on the server keeps its log until the slot is dropped. */
  keep: () => Promise<void>;
  end: () => Promise<void>;
}>;

/**
 * Opens the changes of a database for a subscription to follow. The slot is
 * temporary until `keep`, so that the death of this process during the copy, which
 * is long, leaves none behind.
 *
 * Waits until everybody has ended who is writing on the server now.
 */
export async function openChanges(owner: pg.ClientConfig, place: TenantIdentity): Promise<Changes> {
  const client = await openReplication(owner);
  const [slot, held] = [replicationName(place), snapshotSlotName(place)];
  try {
    const { rows } = await client.query<{ snapshot_name: string }>(
      // The replication protocol knows its words in capitals only.
      `CREATE_REPLICATION_SLOT ${pg.escapeIdentifier(held)} TEMPORARY LOGICAL pgoutput (SNAPSHOT 'export')`,
    );
    return {
      snapshot: rows[0]?.snapshot_name ?? '',
      keep: async () => {
        await client.query(
          `select pg_catalog.pg_copy_logical_replication_slot(${pg.escapeLiteral(held)}, ${pg.escapeLiteral(slot)}, false)`,
        );
      },
      end: () => client.end(),
    };
  } catch (error) {
    await client.end();
    throw error;
  }
}

/** Milliseconds between two looks at a slot that somebody still reads from. */
const PAUSE = 50;
const LOOKS = 200;

/**
 * Drops the slot of a tenant's move, where there is one, and ends who reads from it.
 *
 * @throws DomainError `precondition_failed` when somebody reads from it again and again
 */
export async function dropSlot(owner: pg.ClientConfig, place: Pick<TenantIdentity, 'role'>): Promise<void> {
  const name = replicationName(place);
  await withAdminConnection(owner, async (client) => {
    for (let look = 0; look < LOOKS; look += 1) {
      const { rows } = await client.query<{ reader: number | null }>(
        'select s.active_pid as reader from pg_catalog.pg_replication_slots as s where s.slot_name = $1',
        [name],
      );
      const [slot] = rows;
      if (!slot) {
        return;
      }
      if (slot.reader === null) {
        await client.query('savepoint slot');
        const dropped = await client.query('select pg_catalog.pg_drop_replication_slot($1)', [name]).then(
          () => true,
          async () => {
            // Somebody came between.
            await client.query('rollback to savepoint slot');
            return false;
          },
        );
        if (dropped) {
          return;
        }
      } else {
        await client.query('select pg_catalog.pg_terminate_backend($1)', [slot.reader]);
      }
      await wait(PAUSE);
    }
    throw new DomainError(
      'precondition_failed',
      `The replication slot ${name} is read from and cannot be dropped: drop the subscription that reads it first.`,
    );
  });
}

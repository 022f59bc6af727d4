import { setTimeout as wait } from 'node:timers/promises';
import pg from 'pg';

import { withAdminConnection } from '../../../db/admin/admin-connection.ts';
import { openReplication } from '../../../db/admin/replication-client.ts';
import { OperatorError } from '../../../errors.ts';
import type { TenantIdentity } from '../../registry/tenant.ts';
import { qualified, type TableShape } from '../copy/tables.ts';
import { replicationName, snapshotSlotName } from './replication-name.ts';

/** Publishes a tenant's tables with all changes from now on. Changes are sent only through a slot. */
export async function publish(
  owner: pg.ClientConfig,
  tenant: TenantIdentity,
  tables: readonly TableShape[],
): Promise<void> {
  const list = tables.map(({ name }) => `only ${qualified(tenant.schema, name)}`).join(', ');
  await withAdminConnection(owner, (client) =>
    client.query(`create publication ${pg.escapeIdentifier(replicationName(tenant))} for table ${list}`),
  );
}

/** The changes of a tenant from one moment on. */
export type Changes = Readonly<{
  /** The name of the snapshot of that moment. Valid for one reader, until `end`. */
  snapshot: string;
  /** Makes the slot permanent: the server then keeps its log until the slot is dropped. */
  keep: () => Promise<void>;
  end: () => Promise<void>;
}>;

/**
 * Opens the changes of a database for a subscription. The slot is temporary until `keep`, so that a
 * crash during the long copy leaves none.
 *
 * Waits until all transactions that are writing on the server now have ended.
 */
export async function openChanges(owner: pg.ClientConfig, tenant: TenantIdentity): Promise<Changes> {
  const client = await openReplication(owner);
  const [slot, held] = [replicationName(tenant), snapshotSlotName(tenant)];
  try {
    const { rows } = await client.query<{ snapshot_name: string }>(
      // The replication protocol requires upper case.
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

/** Milliseconds between two checks of a slot that is in use. */
const PAUSE = 50;
const MAX_CHECKS = 200;

/**
 * Drops the slot of a tenant's move, if there is one, and terminates its reader.
 *
 * @throws OperatorError `precondition_failed` when a reader reconnects repeatedly
 */
export async function dropSlot(owner: pg.ClientConfig, tenant: Pick<TenantIdentity, 'role'>): Promise<void> {
  const name = replicationName(tenant);
  await withAdminConnection(owner, async (client) => {
    for (let check = 0; check < MAX_CHECKS; check += 1) {
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
            // A reader connected in between.
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
    throw new OperatorError(
      'precondition_failed',
      `The replication slot ${name} is active and cannot be dropped. Drop its subscription first.`,
    );
  });
}

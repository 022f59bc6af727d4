import {
  type AdminTransaction,
  openAdminTransaction,
  withAdminConnection,
} from '../../../db/admin/admin-connection.ts';
import { LEAVE } from '../../context/with-owner-tenant.ts';
import { openTenantSchema } from '../../lifecycle/create-schema.ts';
import { needsCommit } from '../../migrations/migration-failed.ts';
import type { Databases } from '../../registry/locate-tenant.ts';
import { assertSame } from '../copy/assert-same.ts';
import { catchUp, measureTable, readHorizon, readKeys } from '../copy/catch-up.ts';
import { type Loading, openTables } from '../copy/load-tables.ts';
import { readSequences, withSnapshot } from '../copy/snapshot.ts';
import { enterTables, readTables } from '../copy/tables.ts';
import { assertMigrated } from './assert-movable.ts';
import { cleanUpMove } from './clean-up-move.ts';
import type { Move, Moved, MoveHooks, MoveLimits } from './move.ts';
import { openTargetInSteps, removeLeftovers } from './remove-leftovers.ts';
import { switchOver } from './switch-over.ts';
import { limitStatements, withWritesBlocked } from './write-block.ts';

/**
 * Copies a tenant's rows from a snapshot, and then the rows that changed meanwhile; then blocks
 * requests, copies the last changes, and switches. The target uses one transaction for everything, so
 * a crash undoes the copy.
 */
export async function copyAndSwitch(
  databases: Databases,
  move: Move,
  options: MoveLimits & MoveHooks,
): Promise<Moved> {
  const { target, tenant, project } = move;
  const targetTransaction = await openAdminTransaction(target.owner);
  try {
    await removeLeftovers(move, targetTransaction.client, target.name);
    await openTenantSchema(targetTransaction.client, { service: target.service, project }, tenant);
    return await copyInside(move, targetTransaction, options);
  } catch (error) {
    if (!needsCommit(error)) {
      throw error;
    }
  } finally {
    await targetTransaction.end();
  }
  return copyInSteps(databases, move, options);
}

/** As `copyAndSwitch`, for a target that several transactions open. A failure drops what they created. */
async function copyInSteps(
  databases: Databases,
  move: Move,
  options: MoveLimits & MoveHooks,
): Promise<Moved> {
  try {
    await openTargetInSteps(move);
    const targetTransaction = await openAdminTransaction(move.target.owner);
    try {
      return await copyInside(move, targetTransaction, options);
    } finally {
      await targetTransaction.end();
    }
  } catch (error) {
    // The first error is the cause. The next move of the tenant, and `--abort`, remove what is left.
    await cleanUpMove(databases, move.tenant).catch(() => {});
    throw error;
  }
}

async function copyInside(
  move: Move,
  targetTransaction: AdminTransaction,
  { blockSeconds, keepDays, signal, onStart, onTable }: MoveLimits & MoveHooks,
): Promise<Moved> {
  const { source, target, tenant } = move;
  const { schema } = tenant;
  const copied = new Map<string, number>();

  const first = async (loading: Loading) =>
    withSnapshot(source.owner, schema, async ({ client, tables, migrations, read }) => {
      await assertMigrated(move, migrations);
      onStart?.(tables.length);
      const since = await readHorizon(client);
      for (const table of tables) {
        signal?.throwIfAborted();
        const { rows } = await read(table, (stream) => loading.load(table, stream));
        copied.set(table.name, rows);
        onTable?.({ name: table.name, rows });
      }
      return { since, tables, keys: await readKeys(client, schema) };
    });

  const client = targetTransaction.client;
  const expected = await withAdminConnection(source.owner, (reader) => readTables(reader, schema));
  const loading = await openTables(client, tenant, expected);
  const { since, tables, keys } = await first(loading);
  const followed = { schema, tables, keys, copied };
  // A second pass while the tenant is in use: the block then needs only the changes made during this pass.
  const later = await withSnapshot(source.owner, schema, async (snapshot) => {
    const horizon = await readHorizon(snapshot.client);
    await catchUp(snapshot.client, client, followed, since);
    return horizon;
  });

  return withWritesBlocked(
    move,
    { tables, blockSeconds },
    async ({ sourceTransaction, left, assertInTime, passed }) => {
      const measures = await catchUp(sourceTransaction.client, client, { ...followed, assertInTime }, later);
      await limitStatements(client, left());
      await loading.finish(await readSequences(sourceTransaction.client, schema));
      await enterTables(client, schema);
      for (const table of tables) {
        assertSame(schema, table, measures.get(table.name), await measureTable(client, schema, table));
      }
      await client.query(LEAVE);
      assertInTime();
      signal?.throwIfAborted();
      await limitStatements(client, 0);
      await switchOver(move, targetTransaction, sourceTransaction, keepDays);
      return {
        from: source.name,
        to: target.name,
        tables: [...copied].map(([name, rows]) => ({ name, rows, verified: 'switch' as const })),
        blocked: Math.round(passed()),
      };
    },
  );
}

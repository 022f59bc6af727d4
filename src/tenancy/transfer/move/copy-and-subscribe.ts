import {
  type AdminTransaction,
  openAdminTransaction,
  withAdminConnection,
} from '../../../db/admin/admin-connection.ts';
import { LEAVE } from '../../context/with-owner-tenant.ts';
import { openTenantSchema } from '../../lifecycle/create-schema.ts';
import { assertSame } from '../copy/assert-same.ts';
import { measureTable } from '../copy/catch-up.ts';
import { openTables } from '../copy/load-tables.ts';
import { readReplicaTriggers } from '../copy/replica-triggers.ts';
import { type Snapshot, withSnapshot } from '../copy/snapshot.ts';
import { enterTables, readTables, type TableShape } from '../copy/tables.ts';
import { assertMigrated } from './assert-movable.ts';
import type { Move, MoveHooks, MoveLimits } from './move.ts';
import { removeLeftovers } from './remove-leftovers.ts';
import { openChanges, publish } from './replication-slot.ts';
import { subscribe } from './subscription.ts';

type Options = MoveLimits & MoveHooks;

/** The copy at the target before replication begins. Requests cannot enter it. */
export type Copy = Readonly<{
  tables: readonly TableShape[];
  rows: ReadonlyMap<string, number>;
  /** Statements that enable the triggers that must not fire for replicated changes. */
  resume: readonly string[];
}>;

type Opened = Readonly<{
  /** Whether the target has the tenant's tables already: see `openTargetInSteps`. */
  opened: boolean;
}>;

/** Copies the tenant's state in `snapshot`, and subscribes the copy, in one transaction at the target. */
async function copyInside(
  move: Move,
  targetTransaction: AdminTransaction,
  { client: reader, tables, sequences, read }: Snapshot,
  { onStep, onTable, signal, opened }: Options & Opened,
): Promise<Copy> {
  const { source, target, tenant } = move;
  const { schema } = tenant;
  const { client } = targetTransaction;
  const rows = new Map<string, number>();
  await onStep?.('open');
  if (!opened) {
    // The row there names the source as the tenant's database, so requests cannot enter.
    await removeLeftovers(move, client, source.name);
    await openTenantSchema(client, { service: target.service, project: move.project }, tenant);
  }
  // Fails before the copy, and not after it, if the target cannot reach the source.
  await subscribe(client, { source, target, tenant });
  const loading = await openTables(client, tenant, tables);
  await onStep?.('copy');
  for (const table of tables) {
    signal?.throwIfAborted();
    const { rows: count } = await read(table, (stream) => loading.load(table, stream));
    rows.set(table.name, count);
    onTable?.({ name: table.name, rows: count });
  }
  await loading.finish(sequences);
  const { suspend, resume } = await readReplicaTriggers(client, schema);
  await enterTables(client, schema);
  for (const statement of suspend) {
    await client.query(statement);
  }
  await onStep?.('compare');
  for (const table of tables) {
    signal?.throwIfAborted();
    const [theirs, ours] = await Promise.all(
      [reader, client].map((side) => measureTable(side, schema, table)),
    );
    assertSame(schema, table, theirs, ours as Awaited<ReturnType<typeof measureTable>>);
  }
  await client.query(LEAVE);
  return { tables, rows, resume };
}

/**
 * Creates a copy of the tenant at the target that requests cannot enter. It receives all changes since
 * the moment of the copy. Before it is complete, a crash leaves only a publication.
 */
export async function copyAndSubscribe(
  move: Move,
  options: Options,
  { opened }: Opened = { opened: false },
): Promise<Copy> {
  const { source, target, tenant } = move;
  await options.onStep?.('publish');
  await publish(
    source.owner,
    tenant,
    await withAdminConnection(source.owner, (client) => readTables(client, tenant.schema)),
  );
  let changes: Awaited<ReturnType<typeof openChanges>> | undefined;
  try {
    return await withSnapshot(
      source.owner,
      tenant.schema,
      async (snapshot) => {
        await assertMigrated(move, snapshot.migrations);
        options.onStart?.(snapshot.tables.length);
        const targetTransaction = await openAdminTransaction(target.owner);
        try {
          const copy = await copyInside(move, targetTransaction, snapshot, { ...options, opened });
          await options.onStep?.('subscribe');
          await changes?.keep();
          await targetTransaction.commit();
          return copy;
        } finally {
          await targetTransaction.end();
        }
      },
      async () => {
        changes = await openChanges(source.owner, tenant);
        return changes.snapshot;
      },
    );
  } finally {
    await changes?.end();
  }
}

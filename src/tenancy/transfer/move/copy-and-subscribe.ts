import {
  type AdminTransaction,
  openAdminTransaction,
  withAdminConnection,
} from '../../../db/admin/admin-connection.ts';
import { openTenantSchema } from '../../lifecycle/provision.ts';
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

/** What stands at the target, closed, before it follows. */
export type Copy = Readonly<{
  tables: readonly TableShape[];
  rows: ReadonlyMap<string, number>;
  /** Brings back the triggers that must not fire for what arrives. */
  resume: readonly string[];
}>;

type Opened = Readonly<{
  /** Whether the target has the tenant's tables already: see `openTargetInSteps`. */
  opened: boolean;
}>;

/** Copies the tenant as it is in `snapshot`, and subscribes the copy, in one transaction at the target. */
async function copyInside(
  move: Move,
  there: AdminTransaction,
  { client: reader, tables, sequences, read }: Snapshot,
  { onStep, onTable, signal, opened }: Options & Opened,
): Promise<Copy> {
  const { source, target, place } = move;
  const { schema } = place;
  const { client } = there;
  const rows = new Map<string, number>();
  await onStep?.('open');
  if (!opened) {
    // The row there says where it still lives: the door stays shut.
    await removeLeftovers(move, client, source.name);
    await openTenantSchema(client, { service: target.service, project: move.project }, place);
  }
  // Refused before the copy, and not after it, where the source cannot be reached.
  await subscribe(client, { source, target, place });
  const loading = await openTables(client, place, tables);
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
  await client.query('set local search_path = pg_catalog, pg_temp; reset role');
  return { tables, rows, resume };
}

/**
 * Makes a copy of the tenant at the target, closed, that follows what is written
 * from the moment of the copy on. Until it stands, nothing of it outlives this process
 * but a publication.
 */
export async function copyAndSubscribe(
  move: Move,
  options: Options,
  { opened }: Opened = { opened: false },
): Promise<Copy> {
  const { source, target, place } = move;
  await options.onStep?.('publish');
  await publish(
    source.owner,
    place,
    await withAdminConnection(source.owner, (client) => readTables(client, place.schema)),
  );
  let changes: Awaited<ReturnType<typeof openChanges>> | undefined;
  try {
    return await withSnapshot(
      source.owner,
      place.schema,
      async (snapshot) => {
        await assertMigrated(move, snapshot.migrations);
        options.onStart?.(snapshot.tables.length);
        const there = await openAdminTransaction(target.owner);
        try {
          const copy = await copyInside(move, there, snapshot, { ...options, opened });
          await options.onStep?.('subscribe');
          await changes?.keep();
          await there.commit();
          return copy;
        } finally {
          await there.end();
        }
      },
      async () => {
        changes = await openChanges(source.owner, place);
        return changes.snapshot;
      },
    );
  } finally {
    await changes?.end();
  }
}

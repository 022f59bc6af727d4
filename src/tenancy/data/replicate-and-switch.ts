import pg from 'pg';

import { type OwnerTransaction, openOwnerTransaction, withOwner } from '../../db/owner-client.ts';
import { takeSessionLock } from '../../db/session-lock.ts';
import { DomainError } from '../../errors.ts';
import type { Databases } from '../locate-tenant.ts';
import { movingLock } from '../moving-lock.ts';
import { openPlace } from '../provision.ts';
import { abandonMove } from './abandon-move.ts';
import { assertMigrated, busy } from './assert-movable.ts';
import { assertReplicable } from './assert-replicable.ts';
import { assertSame } from './assert-same.ts';
import { measureTable } from './catch-up.ts';
import { dropSlot, openChanges, publish } from './change-slot.ts';
import { awaitAll, followChanges } from './follow-changes.ts';
import { openTables, setSequences } from './load-tables.ts';
import { makeRoom } from './make-room.ts';
import type { Move, Moved, MoveHooks, MoveLimits } from './move.ts';
import { readReplicaTriggers } from './replica-triggers.ts';
import { replicationName } from './replication-name.ts';
import { readSequences, type Snapshot, withSnapshot } from './snapshot.ts';
import { subscribe, unsubscribe } from './subscription.ts';
import { switchOver } from './switch-over.ts';
import { readTables, type TableShape, VALUE_SETTINGS } from './tables.ts';
import { verifySwitch } from './verify-switch.ts';
import { limitStatements, type Window, whileBlocked } from './while-blocked.ts';

type Options = MoveLimits & MoveHooks;

/** What stands at the target, closed, before it follows. */
type Copy = Readonly<{
  tables: readonly TableShape[];
  rows: ReadonlyMap<string, number>;
  /** Brings back the triggers that must not fire for what arrives. */
  resume: readonly string[];
}>;

/** Copies the tenant as it is in `snapshot`, and subscribes the copy, in one transaction at the target. */
async function copyInside(
  move: Move,
  there: OwnerTransaction,
  { client: reader, tables, sequences, read }: Snapshot,
  { onStep, onTable, signal }: Options,
): Promise<Copy> {
  const { source, target, place } = move;
  const { schema } = place;
  const { client } = there;
  const rows = new Map<string, number>();
  await onStep?.('open');
  // The row there says where it still lives: the door stays shut.
  await makeRoom(move, client, source.name);
  await openPlace(client, target.service, place);
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
  await client.query('set local role tenant_owner');
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
  await client.query('reset role');
  return { tables, rows, resume };
}

async function copyAndSubscribe(move: Move, options: Options): Promise<Copy> {
  const { source, target, place } = move;
  await options.onStep?.('publish');
  await publish(
    source.owner,
    place,
    await withOwner(source.owner, (client) => readTables(client, place.schema)),
  );
  let changes: Awaited<ReturnType<typeof openChanges>> | undefined;
  try {
    return await withSnapshot(
      source.owner,
      place.schema,
      async (snapshot) => {
        await assertMigrated(snapshot.migrations, place.schema);
        options.onStart?.(snapshot.tables.length);
        const there = await openOwnerTransaction(target.owner);
        try {
          const copy = await copyInside(move, there, snapshot, options);
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

/** The rest, while nobody is inside: last changes, sequences, triggers, comparison, and main's word. */
async function switchInside(
  move: Move,
  { tables, rows, resume }: Copy,
  { here, left, assertInTime, passed }: Window,
  { blockSeconds, keepDays, onStep, signal }: Options,
): Promise<Moved> {
  const { source, target, place } = move;
  const { schema } = place;
  await onStep?.('catch up');
  await awaitAll(move, assertInTime);
  const sequences = await readSequences(here.client, schema);
  const there = await openOwnerTransaction(target.owner);
  const { client } = there;
  try {
    await onStep?.('unsubscribe');
    await unsubscribe(client, place);
    // Not after the switch: killed then, nobody would look for it here.
    await dropSlot(source.owner, place);
    await client.query('set local role tenant_owner');
    await client.query(VALUE_SETTINGS);
    await client.query(
      `select tenancy.enter_owner($1), set_config('search_path', quote_ident($1) || ', pg_temp', true)`,
      [schema],
    );
    await limitStatements(client, left());
    await setSequences(client, schema, sequences);
    for (const statement of resume) {
      await client.query(statement);
    }
    await client.query('select tenancy.protect_schema($1)', [schema]);
    const verified = await verifySwitch(here.client, client, {
      schema,
      tables,
      rows,
      // The other half is for the switch.
      left: () => left() - blockSeconds * 500,
    });
    await client.query('set local search_path = pg_catalog, pg_temp');
    await client.query('reset role');
    assertInTime();
    signal?.throwIfAborted();
    await limitStatements(client, 0);
    await onStep?.('switch');
    await here.client.query('reset role');
    await here.client.query(`drop publication if exists ${pg.escapeIdentifier(replicationName(place))}`);
    await switchOver(move, there, here, keepDays);
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
    await there.end();
  }
}

/** Undoes what is left, and says how to when that fails. */
async function giveUp(databases: Databases, { place }: Move, error: unknown): Promise<never> {
  const left = await abandonMove(databases, place).then(
    () => null,
    (failure: Error) => failure.message,
  );
  throw left === null
    ? error
    : new DomainError(
        'precondition_failed',
        `${(error as Error).message} Not all of the copy could be dropped (${left}): \`move-tenant --schema ${place.schema} --abort\` does it when the servers answer.`,
        { cause: error },
      );
}

/**
 * Moves a tenant by logical replication: a copy of one moment, which follows what
 * is written from that moment on, and takes over when it has seen all of it.
 *
 * Until then nobody can enter the copy: its row there says that the tenant lives
 * elsewhere. The tenant is not migrated meanwhile.
 *
 * @throws as `moveTenant`
 */
export async function replicateAndSwitch(databases: Databases, move: Move, options: Options): Promise<Moved> {
  await assertReplicable(move);
  const migrations = await takeSessionLock(move.source.owner, movingLock(move.place));
  if (!migrations) {
    throw busy(move.place.schema);
  }
  try {
    const copy = await copyAndSubscribe(move, options);
    await options.onStep?.('follow');
    await followChanges(move, options);
    await options.onStep?.('block');
    return await whileBlocked(move, { tables: copy.tables, blockSeconds: options.blockSeconds }, (window) =>
      switchInside(move, copy, window, options),
    );
  } catch (error) {
    return await giveUp(databases, move, error);
  } finally {
    await migrations.release();
  }
}

import { setTimeout as wait } from 'node:timers/promises';
import type pg from 'pg';

import { type OwnerTransaction, openOwnerTransaction, withOwner } from '../../db/owner-client.ts';
import { takeSessionLock } from '../../db/session-lock.ts';
import { DomainError, Unavailable } from '../../errors.ts';
import { chooseDatabase, MAIN } from '../databases.ts';
import { dropKept } from '../drop-kept.ts';
import { type Databases, locateTenant } from '../locate-tenant.ts';
import { openPlace } from '../provision.ts';
import { clearPlace, copyRow } from '../provision-on.ts';
import { findTenant } from '../registry.ts';
import { migrationNames } from '../run-migrations.ts';
import { schemaName, tenantId } from '../tenant.ts';
import { catchUp, measureTable, readHorizon, readKeys } from './catch-up.ts';
import { type Loading, openTables } from './load-tables.ts';
import { qualified, readMigrations, readSequences, withSnapshot } from './snapshot.ts';
import { type Move, switchOver } from './switch-over.ts';
import { readTables, type TableShape, VALUE_SETTINGS } from './tables.ts';

/** Milliseconds that processes have to hear of the move before its tenant is locked. */
const HEARING = 200;

const MOVABLE = new Set(['active', 'suspended', 'maintenance']);

export type MoveOptions = Readonly<{
  to: string;
  /** Seconds that requests may have to wait for the switch; without it by then, the move is given up. */
  blockSeconds: number;
  /** Days that the schema is kept where it was. 0: it is dropped with the switch. */
  keepDays: number;
  onStart?: (tables: number) => void;
  onTable?: (table: Readonly<{ name: string; rows: number }>) => void;
}>;

export type Moved = Readonly<{
  from: string;
  to: string;
  tables: ReadonlyArray<Readonly<{ name: string; rows: number }>>;
  /** Milliseconds for which requests waited. */
  blocked: number;
}>;

const busy = (schema: string): Unavailable =>
  new Unavailable(
    'tenant_busy',
    `The tenant ${schema} is being moved or changed by somebody else: try again.`,
    5,
  );

function assertMovable({ source, target, tenant }: Move): void {
  const { schema_name: schema, status, type } = tenant;
  if (type === 'site') {
    throw new DomainError('usage_invalid', 'The public site lives on main.');
  }
  if (source.name === target.name) {
    throw new DomainError('usage_invalid', `The tenant ${schema} lives on "${target.name}" already.`);
  }
  if (!MOVABLE.has(status)) {
    throw new DomainError(
      'precondition_failed',
      `The tenant ${schema} is in status ${status}: only one that is served can be moved.`,
    );
  }
}

async function assertMigrated(migrations: readonly string[], schema: string): Promise<void> {
  if (migrations.join() !== (await migrationNames('tenant', schema)).join()) {
    throw new DomainError(
      'precondition_failed',
      `The tenant ${schema} is not at the migrations of this code: run \`migrate --schema ${schema}\` first.`,
    );
  }
}

/** What stands in the way where the tenant is to live: leftovers go, what is kept refuses. */
async function makeRoom({ main, target, place }: Move, client: pg.Client): Promise<void> {
  if (target.name !== MAIN) {
    await withOwner(main.owner, async (registry) => {
      await clearPlace(registry, client, { ...place, database: target.name });
      await copyRow(registry, client, { id: place.id, database: target.name });
    });
    return;
  }
  const { rows } = await client.query<{ kept: string }>(
    'select k.keep_until::date::text as kept from tenancy.kept_schemas as k where k.tenant_id = $1',
    [place.id],
  );
  if (rows[0]) {
    throw new DomainError(
      'schema_name_taken',
      `Main keeps what ${place.schema} left behind until ${rows[0].kept}: \`drop-kept --schema ${place.schema}\` drops it now.`,
    );
  }
}

/** Enters the tenant as its owner, for reading what it has now. Nobody else writes to its tables from here on. */
async function enterBlocked(
  { client }: OwnerTransaction,
  { place, tenant }: Move,
  { tables, milliseconds }: { tables: readonly TableShape[]; milliseconds: number },
): Promise<void> {
  const limit = Math.max(1, Math.ceil(milliseconds));
  await client.query(`set local lock_timeout = ${limit}`);
  // Waits for the requests that are inside; those that come meanwhile are refused, and wait in Node.
  await client.query('select pg_catalog.pg_advisory_xact_lock(hashtextextended($1, 0))', [place.id]);
  await client.query('select from public.tenants as t where t.id = $1 for update', [place.id]);
  await client.query('set local role tenant_owner');
  await client.query(VALUE_SETTINGS);
  await client.query(`set local statement_timeout = ${limit}`);
  await client.query('select tenancy.enter_owner($1)', [place.schema]);
  for (const { name } of tables) {
    await client.query(`lock table only ${qualified(place.schema, name)} in share mode`);
  }
  const now = await readTables(client, place.schema);
  if (JSON.stringify(now) !== JSON.stringify(tables)) {
    throw busy(place.schema);
  }
  await assertMigrated(await readMigrations(client, tenant.role_name), place.schema);
}

async function assertEqual(
  client: pg.Client,
  schema: string,
  tables: readonly TableShape[],
  expected: Awaited<ReturnType<typeof catchUp>>,
): Promise<void> {
  for (const table of tables) {
    const [theirs, ours] = [expected.get(table.name), await measureTable(client, schema, table)];
    if (!theirs || theirs.rows !== ours.rows || theirs.digest !== ours.digest) {
      throw new DomainError(
        'precondition_failed',
        `The copy of ${schema}.${table.name} is not what it was copied from, so ${schema} stays where it is: try again.`,
      );
    }
  }
}

/**
 * Moves a tenant to another database, while it is served.
 *
 * Its rows are copied from a snapshot, and what changed meanwhile once more. Then
 * its requests wait, for `blockSeconds` at most, while the last changes are
 * copied, all counts and digests compared, and main told where it lives. The
 * target is one transaction from beginning to end: a failure, and the death of
 * this process, leave the tenant where it was, served, and nothing of the copy.
 *
 * @throws DomainError `tenant_not_found`, `usage_invalid`, `precondition_failed`, `schema_name_taken`;
 *   `tenant_busy` when its requests or changes did not end in time
 */
export async function moveTenant(databases: Databases, schema: string, options: MoveOptions): Promise<Moved> {
  const main = chooseDatabase(databases, MAIN);
  const target = chooseDatabase(databases, options.to);
  const source = await locateTenant(databases, schema);
  const tenant = await withOwner(main.owner, (client) => findTenant(client, schema));
  const place = {
    id: tenantId.parse(tenant.id),
    schema: schemaName.parse(tenant.schema_name),
    role: tenant.role_name,
  };
  const move = { main, source, target, tenant, place };
  assertMovable(move);
  const lock = await takeSessionLock(main.owner, `move ${tenant.id}`);
  if (!lock) {
    throw busy(schema);
  }
  const there = await openOwnerTransaction(target.owner);
  try {
    await makeRoom(move, there.client);
    const moved = await copyAndSwitch(move, there, options);
    if (options.keepDays === 0) {
      // Written down as what may be dropped: when it cannot be now, `drop-kept` drops it.
      await dropKept(databases, { schema }).catch(() => []);
    }
    return moved;
  } finally {
    await there.end();
    await lock.release();
  }
}

/** A lock or a statement that took longer than it may. */
const OVERDUE = new Set(['55P03', '57014']);

const overdue = (schema: string, seconds: number): DomainError =>
  new DomainError(
    'tenant_busy',
    `The tenant ${schema} could not be switched within ${seconds} s and stays where it is: give more --block-seconds, or try when less is written.`,
  );

/** Milliseconds that a statement may take from here on; 0 for as long as it likes. */
const limitStatements = (client: pg.Client, milliseconds: number): Promise<unknown> =>
  client.query(
    `set local statement_timeout = ${milliseconds === 0 ? 0 : Math.max(1, Math.ceil(milliseconds))}`,
  );

async function copyAndSwitch(
  move: Move,
  there: OwnerTransaction,
  { blockSeconds, keepDays, onStart, onTable }: MoveOptions,
): Promise<Moved> {
  const { main, source, target, place } = move;
  const { schema } = place;
  const copied = new Map<string, number>();

  const first = async (loading: Loading) =>
    withSnapshot(source.owner, schema, async ({ client, tables, migrations, read }) => {
      await assertMigrated(migrations, schema);
      onStart?.(tables.length);
      const since = await readHorizon(client);
      for (const table of tables) {
        const { rows } = await read(table, (stream) => loading.load(table, stream));
        copied.set(table.name, rows);
        onTable?.({ name: table.name, rows });
      }
      return { since, tables, keys: await readKeys(client, schema) };
    });

  const client = there.client;
  await openPlace(client, target.service, place);
  const expected = await withOwner(source.owner, (reader) => readTables(reader, schema));
  const loading = await openTables(client, place, expected);
  const { since, tables, keys } = await first(loading);
  const followed = { schema, tables, keys, copied };
  // Once more while it is served: what is left for the block is what changes during this.
  const later = await withSnapshot(source.owner, schema, async (snapshot) => {
    const horizon = await readHorizon(snapshot.client);
    await catchUp(snapshot.client, client, followed, since);
    return horizon;
  });

  const here = await openOwnerTransaction(source.owner);
  try {
    await withOwner(main.owner, (registry) =>
      registry.query('select pg_catalog.pg_notify($1, $2)', [
        'koa_tenants',
        `moving:${place.id}:${blockSeconds}`,
      ]),
    );
    await wait(HEARING);
    const from = performance.now();
    const left = (): number => blockSeconds * 1000 - (performance.now() - from);
    await enterBlocked(here, move, { tables, milliseconds: left() });
    const assertInTime = (): void => {
      if (left() < 0) {
        throw overdue(schema, blockSeconds);
      }
    };
    const measures = await catchUp(here.client, client, { ...followed, assertInTime }, later);
    await limitStatements(client, left());
    await loading.finish(await readSequences(here.client, schema));
    await client.query('set local role tenant_owner');
    await assertEqual(client, schema, tables, measures);
    await client.query('reset role');
    assertInTime();
    await limitStatements(client, 0);
    await switchOver(move, there, here, keepDays);
    return {
      from: source.name,
      to: target.name,
      tables: [...copied].map(([name, rows]) => ({ name, rows })),
      blocked: Math.round(performance.now() - from),
    };
  } catch (error) {
    throw OVERDUE.has((error as { code?: string }).code ?? '') ? overdue(schema, blockSeconds) : error;
  } finally {
    await here.end();
  }
}

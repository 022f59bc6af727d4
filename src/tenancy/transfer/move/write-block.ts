import { setTimeout as wait } from 'node:timers/promises';
import type pg from 'pg';

import {
  type AdminTransaction,
  openAdminTransaction,
  withAdminConnection,
} from '../../../db/admin/admin-connection.ts';
import { hasSqlState, SQLSTATE } from '../../../db/sqlstate.ts';
import { ApiError, type DomainError } from '../../../errors.ts';
import { readMigrations } from '../copy/snapshot.ts';
import { enterTables, readTables, rowsIn, type TableShape } from '../copy/tables.ts';
import { assertMigrated, busy } from './assert-movable.ts';
import type { Move } from './move.ts';

/**
 * Milliseconds between the notification of a move and the lock of its tenant, for the notifications to
 * arrive.
 */
const NOTIFICATION_MS = 200;

/** The time in which no other transaction can enter the tenant. */
export type BlockWindow = Readonly<{
  /** The transaction on the source, inside the tenant, which it has locked. */
  sourceTransaction: AdminTransaction;
  /** Returns the remaining milliseconds. */
  left: () => number;
  /** @throws DomainError `tenant_busy` */
  assertInTime: () => void;
  /** Returns the milliseconds for which requests have waited. */
  passed: () => number;
}>;

/**
 * Enters the tenant as its owner, to read its final state. Other sessions cannot write to its tables
 * from here on.
 */
async function enterBlocked(
  { client }: AdminTransaction,
  move: Move,
  { tables, milliseconds }: { tables: readonly TableShape[]; milliseconds: number },
): Promise<void> {
  const { tenant } = move;
  const limit = Math.max(1, Math.ceil(milliseconds));
  await client.query(`set local lock_timeout = ${limit}`);
  // Waits for the requests in progress. New ones are rejected by the database, and wait in Node.
  await client.query('select pg_catalog.pg_advisory_xact_lock(hashtextextended($1, 0))', [tenant.id]);
  await client.query('select from public.tenants as t where t.id = $1 for update', [tenant.id]);
  await enterTables(client, tenant.schema);
  await client.query(`set local statement_timeout = ${limit}`);
  for (const table of tables) {
    await client.query(`lock table ${rowsIn(table, tenant.schema)} in share mode`);
  }
  const now = await readTables(client, tenant.schema);
  if (JSON.stringify(now) !== JSON.stringify(tables)) {
    throw busy(tenant.schema);
  }
  await assertMigrated(move, await readMigrations(client, tenant.role));
}

const overdue = (schema: string, seconds: number): DomainError =>
  new ApiError(
    'tenant_busy',
    `The tenant ${schema} could not be switched within ${seconds} s and was not moved. Raise --block-seconds, or try again when fewer writes occur.`,
  );

/** Sets the maximum milliseconds of the following statements. 0: no limit. */
export const limitStatements = (client: pg.Client, milliseconds: number): Promise<unknown> =>
  client.query(
    `set local statement_timeout = ${milliseconds === 0 ? 0 : Math.max(1, Math.ceil(milliseconds))}`,
  );

/**
 * Runs the end of a move while the tenant is blocked: its requests wait in Node, for at most
 * `blockSeconds`. Rolls back what `work` does not commit.
 *
 * @throws DomainError `tenant_busy` when the requests or `work` do not end in time
 */
export async function withWritesBlocked<T>(
  move: Move,
  { tables, blockSeconds }: { tables: readonly TableShape[]; blockSeconds: number },
  work: (window: BlockWindow) => Promise<T>,
): Promise<T> {
  const { main, source, tenant } = move;
  const sourceTransaction = await openAdminTransaction(source.owner);
  try {
    await withAdminConnection(main.owner, (registry) =>
      registry.query('select pg_catalog.pg_notify($1, $2)', [
        'koa_tenants',
        `moving:${tenant.id}:${blockSeconds}`,
      ]),
    );
    await wait(NOTIFICATION_MS);
    const from = performance.now();
    const passed = (): number => performance.now() - from;
    const left = (): number => blockSeconds * 1000 - passed();
    await enterBlocked(sourceTransaction, move, { tables, milliseconds: left() });
    const assertInTime = (): void => {
      if (left() < 0) {
        throw overdue(tenant.schema, blockSeconds);
      }
    };
    return await work({ sourceTransaction, left, assertInTime, passed });
  } catch (error) {
    throw hasSqlState(error, SQLSTATE.LOCK_NOT_AVAILABLE, SQLSTATE.QUERY_CANCELED)
      ? overdue(tenant.schema, blockSeconds)
      : error;
  } finally {
    await sourceTransaction.end();
  }
}

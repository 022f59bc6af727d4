import type { Readable } from 'node:stream';
import pg from 'pg';
import copy from 'pg-copy-streams';

import { withAdminConnection } from '../../../db/admin/admin-connection.ts';
import { Unavailable } from '../../../errors.ts';
import { BECOME_OWNER } from '../../context/with-owner-tenant.ts';
import { findTenant } from '../../registry/registry.ts';
import type { Tenant } from '../../registry/tenant.ts';
import {
  enterTables,
  qualified,
  readSequenceNames,
  readTables,
  rowsIn,
  type SequenceState,
  type TableShape,
} from './tables.ts';

/** A consistent snapshot of one tenant. */
export type Snapshot = Readonly<{
  /** The connection with the snapshot, inside the tenant. */
  client: pg.Client;
  tenant: Tenant;
  /** `server_version` of the source. */
  postgres: string;
  /** Names of the tenant's applied migrations, oldest first. */
  migrations: readonly string[];
  tables: readonly TableShape[];
  sequences: readonly SequenceState[];
  /** Reads one table as COPY text. Only one at a time, because they share a connection. */
  read: <T>(table: TableShape, use: (rows: Readable) => Promise<T>) => Promise<{ used: T; rows: number }>;
}>;

/** Returns the column list of COPY, without parentheses for a table that stores no column. */
export const columnList = ({ columns }: TableShape): string => columns.map(pg.escapeIdentifier).join(', ');

/** Returns the state of each sequence of a schema. */
export async function readSequences(client: pg.Client, schema: string): Promise<readonly SequenceState[]> {
  const states: SequenceState[] = [];
  for (const name of await readSequenceNames(client, schema)) {
    const { rows } = await client.query<{ last_value: string; is_called: boolean }>(
      `select s.last_value::text as last_value, s.is_called from ${qualified(schema, name)} as s`,
    );
    states.push({ name, last_value: rows[0]?.last_value ?? '1', is_called: rows[0]?.is_called ?? false });
  }
  return states;
}

/** Returns the names of the applied migrations of a tenant, in their order. */
export async function readMigrations(client: pg.Client, role: string): Promise<readonly string[]> {
  const { rows } = await client.query<{ name: string }>(
    `select m.name from tenancy_migrations.${pg.escapeIdentifier(role)} as m order by m.id`,
  );
  return rows.map(({ name }) => name);
}

/** Reads the rows of a query as COPY text. */
export async function copyOut<T>(
  client: pg.Client,
  query: string,
  use: (rows: Readable) => Promise<T>,
): Promise<{ used: T; rows: number }> {
  const stream = client.query(copy.to(`copy (${query}) to stdout`));
  const used = await use(stream);
  // The number of rows arrives after the rows. When the next query has ended, it is known.
  await client.query('select');
  return { used, rows: stream.rowCount };
}

/**
 * Runs `work` on a snapshot of a tenant, while the tenant is in use: one repeatable-read, read-only
 * transaction of tenant_owner, with the tenant's policies. Reads only this schema's rows of the
 * catalog.
 *
 * The tables are locked against migrations before the snapshot is taken. With a later lock, a
 * rewriting ALTER TABLE would make them look empty.
 *
 * `exportMoment` returns the name of an existing snapshot of the same database to use. Called when the
 * tables are locked.
 *
 * @throws DomainError `tenant_not_found`; `tenant_migrating` when its tables changed meanwhile
 */
export async function withSnapshot<T>(
  owner: pg.ClientConfig,
  schema: string,
  work: (snapshot: Snapshot) => Promise<T>,
  exportMoment?: () => Promise<string>,
): Promise<T> {
  const before = await withAdminConnection(owner, async (client) => ({
    tenant: await findTenant(client, schema),
    tables: await readTables(client, schema),
  }));
  return withAdminConnection(owner, async (client) => {
    await client.query('set transaction isolation level repeatable read, read only');
    await client.query(BECOME_OWNER);
    for (const table of before.tables) {
      await client.query(`lock table ${rowsIn(table, schema)} in access share mode`);
    }
    await client.query('reset role');
    if (exportMoment) {
      await client.query(`set transaction snapshot ${pg.escapeLiteral(await exportMoment())}`);
    }
    const tenant = await findTenant(client, schema);
    await enterTables(client, schema);
    const tables = await readTables(client, schema);
    if (JSON.stringify(tables) !== JSON.stringify(before.tables)) {
      throw new Unavailable(
        'tenant_migrating',
        `The tables of ${schema} changed before they were read. Try again.`,
        1,
      );
    }
    const { rows } = await client.query<{ server_version: string }>('show server_version');
    return work({
      client,
      tenant,
      postgres: rows[0]?.server_version ?? '',
      migrations: await readMigrations(client, tenant.role),
      tables,
      sequences: await readSequences(client, schema),
      read: (table, use) => copyOut(client, `select ${columnList(table)} from ${rowsIn(table, schema)}`, use),
    });
  });
}

import type { Readable } from 'node:stream';
import pg from 'pg';
import copy from 'pg-copy-streams';

import { withAdminConnection } from '../../../db/admin/admin-connection.ts';
import { Unavailable } from '../../../errors.ts';
import { findTenant, type RegistryRow } from '../../registry/registry.ts';
import {
  enterTables,
  qualified,
  readSequenceNames,
  readTables,
  rowsIn,
  type SequenceState,
  type TableShape,
} from './tables.ts';

/** One tenant as it was at one moment. */
export type Snapshot = Readonly<{
  /** The connection that holds the moment, inside the tenant. */
  client: pg.Client;
  tenant: RegistryRow;
  /** `server_version` of where it was read. */
  postgres: string;
  /** Names of the migrations that its tables have seen, oldest first. */
  migrations: readonly string[];
  tables: readonly TableShape[];
  sequences: readonly SequenceState[];
  /** Reads one table as COPY text. One after the other: they share a connection. */
  read: <T>(table: TableShape, use: (rows: Readable) => Promise<T>) => Promise<{ used: T; rows: number }>;
}>;

/** `copy … (columns)`, without parentheses for a table that stores no column. */
export const columnList = ({ columns }: TableShape): string => columns.map(pg.escapeIdentifier).join(', ');

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

export async function readMigrations(client: pg.Client, role: string): Promise<readonly string[]> {
  const { rows } = await client.query<{ name: string }>(
    `select m.name from tenancy_migrations.${pg.escapeIdentifier(role)} as m order by m.id`,
  );
  return rows.map(({ name }) => name);
}

/** Reads a query's rows as COPY text. */
export async function copyOut<T>(
  client: pg.Client,
  query: string,
  use: (rows: Readable) => Promise<T>,
): Promise<{ used: T; rows: number }> {
  const stream = client.query(copy.to(`copy (${query}) to stdout`));
  const used = await use(stream);
  // The count comes after the rows: with the answer to the next query it is there.
  await client.query('select');
  return { used, rows: stream.rowCount };
}

/**
 * Runs `work` on a tenant as it is now and stays for `work`, while it is served
 * and changed: one repeatable-read, read-only transaction of tenant_owner, behind
 * the tenant's own policies. Only this schema's rows of the catalogue are read.
 *
 * The tables are locked against migrations before the snapshot is taken. After
 * it, a rewriting ALTER TABLE would show them empty.
 *
 * `exportMoment` names a snapshot of the same database to read instead of one of
 * now. It is called when the tables are locked.
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
    await client.query('set local role tenant_owner');
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
        `The tables of ${schema} changed while they were about to be read: try again.`,
        1,
      );
    }
    const { rows } = await client.query<{ server_version: string }>('show server_version');
    return work({
      client,
      tenant,
      postgres: rows[0]?.server_version ?? '',
      migrations: await readMigrations(client, tenant.role_name),
      tables,
      sequences: await readSequences(client, schema),
      read: (table, use) => copyOut(client, `select ${columnList(table)} from ${rowsIn(table, schema)}`, use),
    });
  });
}

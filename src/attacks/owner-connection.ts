import pg from 'pg';

import { beginSql } from '../db/admin/actor.ts';
import { enterSql } from '../tenancy/context/with-owner-tenant.ts';
import { ENTER_GLOBAL } from '../tenancy/install/global-migrations.ts';
import type { AttackTenant } from './context.ts';

type Rows = readonly Record<string, unknown>[];

/** One connection of the migrating login for the statements between attacks, and for those of migrations. */
export type OwnerConnection = Readonly<{
  /** Runs statements as the login itself, in one transaction. Returns the rows of the last one. */
  query: (text: string) => Promise<Rows>;
  /** Runs statements inside a tenant as its owner, as a migration does, in one transaction. */
  inside: (member: AttackTenant, text: string) => Promise<Rows>;
  /** Runs statements as the owner of the global tables, in one transaction. */
  asGlobalOwner: (text: string) => Promise<Rows>;
  close: () => Promise<void>;
}>;

/** Returns the rows of the last statement of a text. */
const lastRows = (results: pg.QueryResult | readonly pg.QueryResult[]): Rows =>
  [results].flat().at(-1)?.rows ?? [];

/** Opens the connection with the first statement. Starting a process of PostgreSQL costs more than most statements. */
export function openOwnerConnection(owner: pg.ClientConfig): OwnerConnection {
  const pool = new pg.Pool({
    ...owner,
    max: 1,
    // Until `close`.
    idleTimeoutMillis: 0,
    application_name: 'koa-tenants owner',
  });
  // An error between two queries would otherwise end the process.
  pool.on('error', () => {});

  const run = async (entry: string, text: string): Promise<Rows> => {
    const client = await pool.connect();
    try {
      await client.query(`${beginSql()}; ${entry}`);
      const rows = lastRows(await client.query(text));
      await client.query('commit');
      client.release();
      return rows;
    } catch (error) {
      // Closing the connection rolls back.
      client.release(true);
      throw error;
    }
  };

  return {
    // Several statements in one text are one transaction.
    query: async (text) => lastRows(await pool.query(text)),
    inside: ({ schema }, text) => run(enterSql({ schema }), text),
    asGlobalOwner: (text) => run(ENTER_GLOBAL, text),
    close: () => pool.end(),
  };
}

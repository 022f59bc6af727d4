import type { QuerySqlToken } from 'slonik';
import type { z } from 'zod';

import { SingleStatement } from '../../db/driver/entry.ts';
import { borrowConnection } from './borrow-connection.ts';
import type { SingleEntering } from './entry-statement.ts';
import type { TenantDatabase } from './tenant-database.ts';

/** The rows of a query, as its schema returns them. */
export type RowsOf<Schema extends z.ZodType> = ReadonlyArray<z.output<Schema>>;

/**
 * Runs one query inside a tenant, as a transaction of its own: entry, guards, query and reset leave in
 * one network write. Returns its rows, validated with its schema.
 *
 * PostgreSQL commits before Node sees a row. So a query that writes needs guards that raise an error in
 * SQL (`raises`), and PostgreSQL checks the tenant's status: `admitted`.
 *
 * @throws ApiError `outcome_unknown` when the connection was lost while PostgreSQL may have
 *   committed; any error of the concurrency limiter, the entry, a guard or the query, when nothing was
 *   saved
 */
export function querySingle<Schema extends z.ZodType>(
  tenantDatabase: TenantDatabase,
  entering: SingleEntering,
  query: QuerySqlToken<Schema>,
): Promise<RowsOf<Schema>> {
  return borrowConnection(tenantDatabase, entering, entering.admitted, async (connection, entry) => {
    const values = new SingleStatement(entry, query.values);
    return connection.any({ ...query, values: values as never }) as Promise<RowsOf<Schema>>;
  });
}

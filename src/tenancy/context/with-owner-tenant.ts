import pg from 'pg';

import { withAdminConnection } from '../../db/admin/admin-connection.ts';
import { hasSqlState, TENANCY_SQLSTATE } from '../../db/sqlstate.ts';
import { noSuchTenant } from '../registry/registry.ts';
import type { Tenant } from '../registry/tenant.ts';

/**
 * SQL that becomes tenant_owner until `LEAVE` or the end of the transaction. Enough for DDL and the
 * catalog. Rows are hidden from the owner too: `enterSql` is needed to read or write them.
 */
export const BECOME_OWNER = 'set local role tenant_owner';

/** SQL that leaves the role, and the tenant's path. The context ends with the transaction. */
export const LEAVE = 'set local search_path = pg_catalog, pg_temp; reset role';

/**
 * Returns SQL that makes the transaction of the migrating login belong to one tenant, as tenant_owner
 * and with the path of a request. A transaction enters one tenant only. The one way to enter as the
 * owner; only migrations outside a transaction, which have no context, set the role themselves.
 */
export const enterSql = ({ schema }: Readonly<{ schema: string }>): string =>
  `${BECOME_OWNER}; set local search_path = ${pg.escapeIdentifier(schema)}, extensions, pg_temp; select tenancy.enter_owner(${pg.escapeLiteral(schema)})`;

/** Runs `enterSql`. PostgreSQL raises `NO_SUCH_TENANT` for an unknown schema. */
export async function enterAsOwner(client: pg.ClientBase, schema: string): Promise<void> {
  await client.query(enterSql({ schema }));
}

/** Runs `work` inside a tenant, in the transaction of `client`, and leaves the tenant. */
export async function insideAsOwner<T>(
  client: pg.ClientBase,
  { schema }: Pick<Tenant, 'schema'>,
  work: () => Promise<T>,
): Promise<T> {
  await enterAsOwner(client, schema);
  const result = await work();
  await client.query(LEAVE);
  return result;
}

/**
 * Runs `work` inside one tenant with the migrating login, as tenant_owner, with the search path and
 * policies of a request. For operators' commands.
 *
 * `snapshot`: whether `work` runs in a read-only, repeatable-read transaction.
 *
 * @throws DomainError `tenant_not_found`
 */
export async function withTenantAsOwner<T>(
  owner: pg.ClientConfig,
  schema: string,
  work: (client: pg.Client) => Promise<T>,
  { snapshot = false }: { snapshot?: boolean } = {},
): Promise<T> {
  try {
    return await withAdminConnection(owner, async (client) => {
      if (snapshot) {
        await client.query('set transaction isolation level repeatable read, read only');
      }
      await enterAsOwner(client, schema);
      return work(client);
    });
  } catch (error) {
    throw hasSqlState(error, TENANCY_SQLSTATE.NO_SUCH_TENANT) ? noSuchTenant(schema) : error;
  }
}

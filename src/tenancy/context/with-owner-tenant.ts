import type pg from 'pg';
import { withAdminConnection } from '../../db/admin/admin-connection.ts';
import { hasSqlState, TENANCY_SQLSTATE } from '../../db/sqlstate.ts';
import { noSuchTenant } from '../registry/registry.ts';

/** Makes the transaction of the migrating login belong to one tenant, as tenant_owner, until it ends. */
export async function enterAsOwner(client: pg.ClientBase, schema: string): Promise<void> {
  await client.query('set local role tenant_owner');
  await client.query(
    `select tenancy.enter_owner($1), set_config('search_path', quote_ident($1) || ', extensions, pg_temp', true)`,
    [schema],
  );
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

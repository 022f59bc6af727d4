import { withAdminConnection } from '../../db/admin/admin-connection.ts';
import type { Database } from './databases.ts';
import { chooseDatabase, MAIN } from './databases.ts';
import { findTenant } from './registry.ts';

/** All databases of an installation by name, including `main`. */
export type Databases = Readonly<Record<string, Database>>;

/**
 * Returns the database of a tenant.
 *
 * @throws DomainError `tenant_not_found`; `usage_invalid` when the configuration does not name the
 *   database
 */
export async function locateTenant(databases: Databases, schema: string): Promise<Database> {
  const main = chooseDatabase(databases, MAIN);
  const { database } = await withAdminConnection(main.owner, (client) => findTenant(client, schema));
  return chooseDatabase(databases, database);
}

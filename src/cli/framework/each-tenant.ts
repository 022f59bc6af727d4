import type pg from 'pg';

import { withAdminConnection } from '../../db/admin/admin-connection.ts';
import { withTenantAsOwner } from '../../tenancy/context/with-owner-tenant.ts';
import { chooseDatabase, MAIN } from '../../tenancy/registry/databases.ts';
import type { Databases } from '../../tenancy/registry/locate-tenant.ts';
import { findTenant, listTenants } from '../../tenancy/registry/registry.ts';
import { parseSchemaOrSite, SITE_SCHEMA } from '../../tenancy/registry/tenant.ts';
import type { CliDeps } from './command.ts';

/**
 * Runs `work` inside one tenant, or inside the public site and every tenant that is not deleted,
 * with one transaction each, in any database. Returns the results by schema.
 */
export async function inEachTenant<T>(
  databases: Databases,
  { schema, title, progress }: { schema: string | undefined; title: string; progress: CliDeps['progress'] },
  work: (client: pg.Client) => Promise<T>,
): Promise<ReadonlyMap<string, T>> {
  const tenants = await withAdminConnection(chooseDatabase(databases, MAIN).owner, async (client) =>
    schema === undefined
      ? [await findTenant(client, SITE_SCHEMA), ...(await listTenants(client))]
      : [await findTenant(client, parseSchemaOrSite(schema))],
  );
  const chosen = tenants.filter(({ status }) => schema !== undefined || status !== 'deleted');
  const results = new Map<string, T>();
  const bar = progress(title, chosen.length);
  try {
    for (const { schema: name, database } of chosen) {
      results.set(name, await withTenantAsOwner(chooseDatabase(databases, database).owner, name, work));
      bar.step(name);
    }
  } finally {
    bar.stop();
  }
  return results;
}

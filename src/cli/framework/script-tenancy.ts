import { readConfig } from '../../config/config.ts';
import { withSecretFiles } from '../../config/secret-files.ts';
import { withAdminConnection } from '../../db/admin/admin-connection.ts';
import { connectionTo } from '../../db/admin/connection-config.ts';
import { OperatorError } from '../../errors.ts';
import { type TenantTransaction, withTenant } from '../../tenancy/context/with-tenant.ts';
import { chooseDatabase, MAIN } from '../../tenancy/registry/databases.ts';
import type { TenancyProject } from '../../tenancy/registry/project.ts';
import { findTenant, listTenants } from '../../tenancy/registry/registry.ts';
import { parseSchemaOrSite } from '../../tenancy/registry/tenant.ts';
import { openTenantDatabase } from './tenant-database.ts';

/** The tenants of an installation, for a script or a job that serves no requests. */
export type Tenancy = Readonly<{
  /** Returns the tenants that are not deleted, by schema. The public site, whose schema is `site`, is not among them. */
  listTenants: () => Promise<ReadonlyArray<Readonly<{ schema: string; name: string; status: string }>>>;
  /**
   * Runs `work` in a transaction inside one tenant, with the service's login, and commits it. An error rolls it back
   * and is thrown. A call inside `work` needs a second connection.
   *
   * @param options.readOnly whether PostgreSQL rejects writes. Default: false
   * @throws DomainError `schema_name_invalid`, `tenant_not_found`, or what `work` throws
   */
  withTenant: <T>(
    schema: string,
    work: (tx: TenantTransaction) => Promise<T>,
    options?: Readonly<{ readOnly?: boolean }>,
  ) => Promise<T>;
  /** Closes the connections. */
  close: () => Promise<void>;
}>;

/**
 * Opens the tenants of an installation for a script. Connections are opened when they are needed, at most `POOL_SIZE` to
 * each database. Reads the registry with the login of `OWNER_DATABASE_URL`.
 *
 * @param environment the variables of the service, such as `process.env`
 * @throws OperatorError `configuration_invalid`
 */
export async function openTenancy({
  project,
  environment,
}: Readonly<{
  project: TenancyProject;
  environment: Readonly<Record<string, string | undefined>>;
}>): Promise<Tenancy> {
  const config = readConfig(project, withSecretFiles(environment));
  const { OWNER_DATABASE_URL: ownerUrl } = config;
  if (!ownerUrl) {
    throw new OperatorError(
      'configuration_invalid',
      'OWNER_DATABASE_URL is not set. It must be the URL of the migrating login.',
    );
  }
  const owner = connectionTo(ownerUrl);
  const urls = { [MAIN]: config.DATABASE_URL, ...config.DATABASES };
  const opened = new Map<string, ReturnType<typeof openTenantDatabase>>();

  const open = (name: string): ReturnType<typeof openTenantDatabase> => {
    const url = chooseDatabase(urls, name);
    const found =
      opened.get(name) ?? openTenantDatabase({ ...config, DATABASE_URL: url }, undefined, config.POOL_SIZE);
    opened.set(name, found);
    found.catch(() => opened.delete(name));
    return found;
  };

  return {
    listTenants: async () =>
      (await withAdminConnection(owner, listTenants))
        .filter(({ status }) => status !== 'deleted')
        .map(({ schema, name, status }) => ({ schema, name, status })),
    withTenant: async (name, work, { readOnly = false } = {}) => {
      const schema = parseSchemaOrSite(name);
      const { id, database } = await withAdminConnection(owner, (client) => findTenant(client, schema));
      const { tenantDatabase } = await open(database);
      return withTenant(tenantDatabase, { tenant: id, readOnly }, work);
    },
    close: async () => {
      const databases = [...opened.values()];
      opened.clear();
      await Promise.all(databases.map(async (database) => (await database).close()));
    },
  };
}

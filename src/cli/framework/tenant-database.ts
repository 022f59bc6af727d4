import type pg from 'pg';

import type { Config } from '../../config/config.ts';
import { withAdminConnection } from '../../db/admin/admin-connection.ts';
import { connectionTo } from '../../db/admin/connection-config.ts';
import { openPool } from '../../db/pool/pool.ts';
import type { TenantDatabase } from '../../tenancy/context/with-tenant.ts';
import { chooseDatabase, MAIN } from '../../tenancy/registry/databases.ts';
import { findTenant } from '../../tenancy/registry/registry.ts';
import { parseSchemaOrSite, type SchemaName, type TenantId } from '../../tenancy/registry/tenant.ts';
import type { CliDeps } from './command.ts';

/** Opens connections of the service's login, for a command or a script that runs inside a tenant. */
export async function openTenantDatabase(
  config: Config,
  types?: pg.CustomTypesConfig,
  maxPoolSize = 1,
): Promise<{ tenantDatabase: TenantDatabase; close: () => Promise<void> }> {
  const pool = await openPool({
    connection: connectionTo(config.DATABASE_URL),
    applicationName: 'koa-tenants command',
    connectTimeout: config.CONNECT_TIMEOUT,
    queryTimeout: config.STATEMENT_TIMEOUT + 1_000,
    maxPoolSize,
    // The command is the only user of this pool.
    poolTimeout: 600_000,
    maxConnectionAge: config.CONNECTION_MAX_AGE * 1000,
    ...(types ? { types } : {}),
  });
  return {
    tenantDatabase: {
      poolOf: () => pool,
      key: config.TENANCY_KEYS[0],
      statementTimeout: config.STATEMENT_TIMEOUT,
    },
    close: () => pool.end(),
  };
}

/** A tenant that the operator named, and a connection of the service's login to its database. */
export type OpenTenant = Readonly<{
  schema: SchemaName;
  tenant: TenantId;
  tenantDatabase: TenantDatabase;
  config: Config;
  close: () => Promise<void>;
}>;

/**
 * Opens the database of one tenant for a command that runs inside the tenant.
 *
 * @throws DomainError `schema_name_invalid`, `tenant_not_found`
 */
export async function openTenant(
  name: string,
  { config, ownerUrl }: Pick<CliDeps, 'config' | 'ownerUrl'>,
  types?: pg.CustomTypesConfig,
): Promise<OpenTenant> {
  const schema = parseSchemaOrSite(name);
  const settings = await config();
  const { id, database } = await withAdminConnection(connectionTo(await ownerUrl()), (client) =>
    findTenant(client, schema),
  );
  const urls = { [MAIN]: settings.DATABASE_URL, ...settings.DATABASES };
  const { tenantDatabase, close } = await openTenantDatabase(
    { ...settings, DATABASE_URL: chooseDatabase(urls, database) },
    types,
  );
  return { schema, tenant: id, tenantDatabase, config: settings, close };
}

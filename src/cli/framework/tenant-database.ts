import type pg from 'pg';

import type { Config } from '../../config/config.ts';
import { connectionTo } from '../../db/admin/connection-config.ts';
import { openPool } from '../../db/pool/pool.ts';
import type { TenantDatabase } from '../../tenancy/context/with-tenant.ts';

/** Opens one connection of the service's login, for a command that works inside the walls. */
export async function openTenantDatabase(
  config: Config,
  types?: pg.CustomTypesConfig,
): Promise<{ tenantDatabase: TenantDatabase; close: () => Promise<void> }> {
  const pool = await openPool({
    connection: connectionTo(config.DATABASE_URL),
    applicationName: 'koa-tenants command',
    connectTimeout: config.CONNECT_TIMEOUT,
    queryTimeout: config.STATEMENT_TIMEOUT + 1_000,
    maxPoolSize: 1,
    // A command waits for nobody but itself.
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

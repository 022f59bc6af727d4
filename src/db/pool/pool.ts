import { createPool, type DatabasePool } from 'slonik';
import { createTenantDriver, type DriverSettings } from '../driver/driver.ts';
import { ASSERT_REUSABLE } from '../driver/entry.ts';
import { createRowParser } from '../driver/row-parser.ts';
import { limitAcquireTime } from './acquire-timeout.ts';

export type PoolSettings = DriverSettings &
  Readonly<{
    maxPoolSize: number;
    /** Maximum milliseconds to wait for a free connection. */
    poolTimeout: number;
    /**
     * Milliseconds. A backend keeps ~25 kB for every table that it has used, and frees it only on
     * disconnect.
     */
    maxConnectionAge: number;
  }>;

/**
 * Opens a pool with the tenants' driver, without a limit of the time to wait for a connection. Connects on
 * first use.
 *
 * Nothing is retried (a transaction is sent at most once), and no timeout is a startup parameter,
 * which PgBouncer would reject.
 */
export function openUnlimitedPool(settings: PoolSettings): Promise<DatabasePool> {
  return createPool('postgres://', {
    driverFactory: createTenantDriver(settings),
    interceptors: [createRowParser()],
    maxPoolSize: settings.maxPoolSize,
    maximumConnectionAge: settings.maxConnectionAge,
    idleTimeout: 60_000,
    connectionRetryLimit: 0,
    queryRetryLimit: 0,
    transactionRetryLimit: 0,
    statementTimeout: 'DISABLE_TIMEOUT',
    idleInTransactionSessionTimeout: 'DISABLE_TIMEOUT',
    // Requests had SHUTDOWN_GRACE seconds before their pool closes.
    gracefulTerminationTimeout: 500,
    typeParsers: [],
    // The driver resets the session in the same write as COMMIT or ROLLBACK. Slonik closes the connection when this rejects.
    resetConnection: ({ query }) => query(ASSERT_REUSABLE),
  });
}

/**
 * Opens the same pool as `openUnlimitedPool`, but methods that take a connection throw Unavailable `overloaded` when none is
 * free in time.
 */
export async function openPool(settings: PoolSettings): Promise<DatabasePool> {
  const pool = await openUnlimitedPool(settings);
  return limitAcquireTime(pool, { size: settings.maxPoolSize, timeoutMs: settings.poolTimeout });
}

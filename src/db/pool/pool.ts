import { createPool, type DatabasePool } from 'slonik';
import { createTenantDriver, type DriverSettings } from '../driver/driver.ts';
import { ASSERT_REUSABLE } from '../driver/entry.ts';
import { createRowParser } from '../driver/row-parser.ts';
import { limitAcquireTime } from './acquire-timeout.ts';

export type PoolSettings = DriverSettings &
  Readonly<{
    maxPoolSize: number;
    /** Milliseconds that anybody waits for a connection that others have. */
    poolTimeout: number;
    /** Milliseconds. A backend keeps ~25 kB for every table it has ever touched and frees it only on disconnect. */
    maxConnectionAge: number;
  }>;

/**
 * Opens a pool over our own driver. Connects when first used.
 *
 * Nothing is retried (a transaction has been sent once or not at all), and no
 * timeout is a startup parameter, which PgBouncer would refuse. Whatever takes a
 * connection throws Unavailable `overloaded` when none is free in time.
 */
export async function openPool(settings: PoolSettings): Promise<DatabasePool> {
  const pool = await createPool('postgres://', {
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
    gracefulTerminationTimeout: 2_000,
    typeParsers: [],
    // The driver resets the session in the same write as COMMIT or ROLLBACK. Slonik closes the connection when this rejects.
    resetConnection: ({ query }) => query(ASSERT_REUSABLE),
  });
  return limitAcquireTime(pool, { size: settings.maxPoolSize, patience: settings.poolTimeout });
}

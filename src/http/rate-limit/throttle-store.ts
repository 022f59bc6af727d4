import { createRequire } from 'node:module';
import pg from 'pg';
import type { RateLimiterMemory as Limiter, RateLimiterAbstract } from 'rate-limiter-flexible';
import { cancelStatement } from '../../db/driver/cancel-statement.ts';

// The index of the package loads every store, and this file has no types.
const RateLimiterMemory: typeof Limiter = createRequire(import.meta.url)(
  'rate-limiter-flexible/lib/RateLimiterMemory.js',
);

type Limits = Readonly<{
  keyPrefix: string;
  points: number;
  duration: number;
  /** Number of points after which a key is rejected from memory, without a query to the store. */
  inMemoryBlockOnConsumed?: number;
}>;

/** The store that counts attempts. */
export type ThrottleStore = Readonly<{
  /** Creates a counter of `points` in `duration` seconds, separate from those with another prefix. */
  limiter: (limits: Limits) => RateLimiterAbstract;
  close: () => Promise<void>;
}>;

type StoreOptions = Readonly<{
  /** Milliseconds to wait for the store. A store that does not respond must not block logins. */
  timeout: number;
  onError: (error: Error) => void;
}>;

const TABLE = 'koa_tenants_throttle';

const inMemory: ThrottleStore = {
  limiter: (limits) => new RateLimiterMemory(limits),
  close: async () => {},
};

/**
 * Runs a statement of the store on a connection of the pool. After a timeout, it cancels the statement: otherwise each attempt
 * would leave a backend behind that the pool does not count, for example one that waits for a lock.
 */
async function runStatement(pool: pg.Pool, statement: pg.QueryConfig): Promise<pg.QueryResult> {
  const client = await pool.connect();
  try {
    const result = await client.query(statement);
    client.release();
    return result;
  } catch (error) {
    if (!(error instanceof pg.DatabaseError)) {
      void cancelStatement(client as unknown as pg.Client);
    }
    client.release(error as Error);
    throw error;
  }
}

async function inPostgres(url: string, { timeout, onError }: StoreOptions): Promise<ThrottleStore> {
  const { RateLimiterPostgres } = await import('rate-limiter-flexible');
  const pool = new pg.Pool({
    connectionString: url,
    max: 4,
    application_name: 'koa-tenants throttle',
    connectionTimeoutMillis: timeout,
    query_timeout: timeout,
  });
  pool.on('error', onError);
  const storeClient = { query: (statement: pg.QueryConfig) => runStatement(pool, statement) };
  const store = { storeClient, storeType: 'client', tableName: TABLE };
  // Creates the table, and deletes expired rows from then on.
  const make = (): Promise<void> =>
    new Promise((resolve, reject) => {
      new RateLimiterPostgres({ ...store, points: 1, duration: 1, clearExpiredByTimeout: true }, (error) =>
        error ? reject(error) : resolve(),
      );
    });
  // When two processes start at the same time, one may fail on the table that the other is creating. The second
  // attempt succeeds.
  await make()
    .catch(make)
    .catch(async (error: unknown) => {
      await pool.end();
      throw error;
    });
  return {
    limiter: (limits) =>
      new RateLimiterPostgres({
        ...store,
        ...limits,
        tableCreated: true,
        insuranceLimiter: new RateLimiterMemory(limits),
      }),
    close: () => pool.end(),
  };
}

async function inRedis(url: string, { timeout, onError }: StoreOptions): Promise<ThrottleStore> {
  // Loaded here: the other stores do not need them.
  const { RateLimiterRedis } = await import('rate-limiter-flexible');
  const { Redis } = await import('ioredis');
  const client = new Redis(url, {
    maxRetriesPerRequest: 1,
    enableOfflineQueue: false,
    connectTimeout: timeout,
    commandTimeout: timeout,
  });
  client.on('error', onError);
  return {
    limiter: (limits) =>
      new RateLimiterRedis({
        storeClient: client,
        ...limits,
        insuranceLimiter: new RateLimiterMemory(limits),
      }),
    close: async () => client.disconnect(),
  };
}

/**
 * Opens the store of `THROTTLE_STORE`. Without a URL each process counts in memory. It also does
 * so while the store does not respond in time.
 *
 * PostgreSQL needs a login that may create its table there. The login of the service must not.
 */
export async function openThrottleStore(url: string | null, options: StoreOptions): Promise<ThrottleStore> {
  if (url === null) {
    return inMemory;
  }
  return url.startsWith('redis') ? inRedis(url, options) : inPostgres(url, options);
}

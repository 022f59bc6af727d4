import { type DatabasePool, sql } from 'slonik';
import { z } from 'zod';

import { type Config, laneLoginsOf } from '../config/config.ts';
import { connectionAs, connectionTo, loginOf } from '../db/admin/connection-config.ts';
import type { PreparedStatementUsage } from '../db/driver/prepared-statements.ts';
import { openPool, type PoolSettings } from '../db/pool/pool.ts';
import type { Project } from '../definition/define-project.ts';
import { describeError } from '../observability/describe-error.ts';
import { openPoolShards, type PoolShards } from '../tenancy/context/pool-shards.ts';
import { assertLaneLogins } from '../tenancy/install/lane-logins.ts';
import { assertPreconditions } from '../tenancy/install/preconditions.ts';
import { type FleetChecks, openCheckPool, queryOf, recordResult } from './check-fleet.ts';

const version = z.object({ fingerprint: z.string(), read_only: z.boolean() });
const working = z.object({ is_in_transaction: z.boolean() });

/** Milliseconds that the readiness of a database is cached. */
const READINESS_TTL = 1_000;

/** Returns a cached function: calls that overlap, or follow within `ttl` milliseconds, share a result. */
function cacheFor<T>(ttl: number, work: () => Promise<T>): () => Promise<T> {
  let shared: Promise<T> | null = null;
  let expires = 0;
  return () => {
    if (shared && performance.now() < expires) {
      return shared;
    }
    expires = Number.POSITIVE_INFINITY;
    shared = work().finally(() => {
      expires = performance.now() + ttl;
    });
    return shared;
  };
}

/**
 * Creates the function that returns whether a database responds, is installed and accepts writes. Logs when that changes,
 * with the reason, and when another release has changed the shared schema.
 */
function createReadiness(
  pool: Pick<DatabasePool, 'maybeOne'>,
  { name, fingerprint, warn }: Readonly<{ name: string; fingerprint: string; warn: FleetChecks['warn'] }>,
): () => Promise<boolean> {
  let known = fingerprint;
  let wasReady = true;

  const findFault = async (): Promise<Readonly<Record<string, unknown>> | null> => {
    try {
      const found = await pool.maybeOne(sql.type(version)`
        select
          v.fingerprint,
          pg_catalog.pg_is_in_recovery()
            or pg_catalog.current_setting('transaction_read_only') = 'on' as read_only
        from tenancy.version() as v
      `);
      if (found && found.fingerprint !== known) {
        known = found.fingerprint;
        warn(`the shared schema of ${name} was changed by another release; this process continues to serve`);
      }
      const reason = found === null ? 'it is not installed' : found.read_only ? 'it is read-only' : null;
      return reason === null ? null : { reason };
    } catch (error) {
      return { error: describeError(error) };
    }
  };

  return cacheFor(READINESS_TTL, async () => {
    const fault = await findFault();
    const isReady = fault === null;
    if (isReady !== wasReady) {
      wasReady = isReady;
      warn(`the database ${name} is ${isReady ? 'ready again' : 'not ready'}`, fault ?? {});
    }
    return isReady;
  });
}

/** One open PostgreSQL database that meets the requirements for serving. */
export type ServiceDatabase = Readonly<{
  /** Connections separate from the lanes: host lookups work also when a lane is saturated. */
  lookUps: DatabasePool;
  shards: PoolShards;
  /** Maximum connections of each lane. */
  shardSize: number;
  statementUsage: PreparedStatementUsage;
  /**
   * Whether the database responds, is installed and accepts writes. Another release may have
   * migrated it since the start.
   */
  isReady: () => Promise<boolean>;
  /** The checks that must still run while the service serves. Null: all have run. */
  fleetChecks: Omit<FleetChecks, 'onFault'> | null;
}>;

/** Runs the checks that must pass before the service listens, on a connection of their own. */
async function checkAtStart(
  config: Config,
  project: Project,
  { settings, service, key, warn }: Omit<FleetChecks, 'onFault'>,
): ReturnType<typeof assertPreconditions> {
  const pool = await openCheckPool(settings);
  try {
    const result = await assertPreconditions({
      query: queryOf(pool),
      service,
      allowUnhardened: config.ALLOW_UNHARDENED,
      project,
      maxTenants: config.START_CHECK_TENANTS,
    });
    await assertLaneLogins(queryOf(pool), laneLoginsOf(config));
    if (result.fleetChecked) {
      await recordResult(pool, { service, key, passed: true, warn });
    }
    return result;
  } finally {
    await pool.end();
  }
}

type Dependencies = Readonly<{
  project: Project;
  closers: Array<() => Promise<unknown>>;
  warn: FleetChecks['warn'];
}>;

/** Returns the settings of a pool. `use` names it in the views of PostgreSQL's statistics. */
const poolSettings = (
  config: Config,
  { name, url }: Readonly<{ name: string; url: string }>,
  use: string,
  maxPoolSize: number,
): PoolSettings => ({
  connection: connectionTo(url),
  applicationName: `koa-tenants ${use}${name === 'main' ? '' : ` ${name}`}`,
  connectTimeout: config.CONNECT_TIMEOUT,
  // PostgreSQL cancels the statement first. The socket is closed if it does not.
  queryTimeout: config.STATEMENT_TIMEOUT + 1_000,
  maxPoolSize,
  poolTimeout: config.POOL_TIMEOUT,
  maxConnectionAge: config.CONNECTION_MAX_AGE * 1000,
});

/** Opens the pool shards, in which tenants' transactions run. */
async function openShards(
  config: Config,
  database: Readonly<{ name: string; url: string }>,
  lookUps: DatabasePool,
): Promise<Pick<ServiceDatabase, 'shards' | 'shardSize' | 'statementUsage'>> {
  const shardSize = Math.max(1, Math.floor(config.POOL_SIZE / config.LANES));
  const statementUsage: PreparedStatementUsage = { hits: 0, misses: 0 };
  const preparedStatements =
    config.PREPARED_STATEMENTS === 'on'
      ? {
          bytes: config.PREPARED_STATEMENTS_MEMORY * 2 ** 20,
          usage: statementUsage,
        }
      : undefined;
  const isWorking = (backend: number): Promise<boolean> =>
    lookUps.oneFirst(sql.type(working)`select tenancy.is_in_transaction(${backend}) as is_in_transaction`);
  const shards = await openPoolShards(
    Array.from({ length: Math.max(config.LANES, config.LANE_LOGINS.length) }, (_, index) => ({
      ...poolSettings(config, database, `lane ${index}`, shardSize),
      connection: connectionAs(database.url, config.LANE_LOGINS[index] ?? null),
      preparedStatements,
      isWorking,
    })),
    config.LANES,
  );
  return { shards, shardSize, statementUsage };
}

/**
 * Opens the pools of one database and checks its requirements. Every pool pushes its `close` onto
 * `closers`, so that it is closed also when a later step fails.
 *
 * @throws OperatorError `precondition_failed`
 */
export async function openServiceDatabase(
  config: Config,
  database: Readonly<{ name: string; url: string }>,
  { project, closers, warn }: Dependencies,
): Promise<ServiceDatabase> {
  const lookUps = await openPool(poolSettings(config, database, 'directory', 2));
  closers.push(() => lookUps.end());

  const checks = {
    settings: poolSettings(config, database, 'checks', 1),
    service: loginOf(database.url).user,
    key: config.TENANCY_KEYS[0],
    warn,
  };
  const { fingerprint, warnings, fleetChecked } = await checkAtStart(config, project, checks);
  for (const { object, fault, remedy } of warnings) {
    warn(`${object}: ${fault}. ${remedy}`);
  }

  const opened = await openShards(config, database, lookUps);
  closers.push(opened.shards.close);

  // A pool of its own: waiting in the other pools does not affect readiness.
  const readiness = await openPool(poolSettings(config, database, 'readiness', 1));
  closers.push(() => readiness.end());

  return {
    ...opened,
    lookUps,
    fleetChecks: fleetChecked ? null : checks,
    isReady: createReadiness(readiness, { name: database.name, fingerprint, warn }),
  };
}

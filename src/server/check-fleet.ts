import { setTimeout as wait } from 'node:timers/promises';
import { type DatabasePool, sql } from 'slonik';
import { z } from 'zod';

import type { Query } from '../db/checks.ts';
import { openPool, type PoolSettings } from '../db/pool/pool.ts';
import type { DomainError } from '../errors.ts';
import type { ProofKey } from '../tenancy/context/keys.ts';
import { recordFleetChecks, runFleetChecks } from '../tenancy/install/fleet-checks.ts';
import { faultsFound } from '../tenancy/install/preconditions.ts';

/** Milliseconds for one check. Checks of 10,000 tenants take seconds. */
const CHECK_TIMEOUT_MS = 600_000;
/** Milliseconds before checks that could not run are repeated. Doubled up to the last delay. */
const FIRST_DELAY_MS = 5_000;
const LAST_DELAY_MS = 60_000;
const RECORD_TIMEOUT_MS = 1_000;

const row = z.record(z.string(), z.unknown());

/** Returns a function that runs the text of a check. */
export const queryOf =
  (pool: DatabasePool): Query =>
  (text) =>
    pool.any({ ...sql.type(row)`select`, sql: text });

/** Opens a pool of one connection for checks. Close it afterwards: its backend keeps memory for every table. */
export const openCheckPool = (settings: PoolSettings): Promise<DatabasePool> =>
  openPool({ ...settings, maxPoolSize: 1, queryTimeout: CHECK_TIMEOUT_MS });

/** Stores the result of the fleet checks, which a database that is read-only does not accept. */
export async function recordResult(
  pool: DatabasePool,
  { service, key, passed, warn }: { service: string; key: ProofKey; passed: boolean; warn: Warn },
): Promise<void> {
  await recordFleetChecks(pool, key, { service, passed }).catch((error: Error) =>
    warn('the result of the fleet checks could not be stored', { reason: error.message }),
  );
}

type Warn = (message: string, facts?: Record<string, unknown>) => void;

export type FleetChecks = Readonly<{
  /** Settings of the connection. */
  settings: PoolSettings;
  /** The login of DATABASE_URL. */
  service: string;
  key: ProofKey;
  warn: Warn;
  /** Called with the findings, when there are any. The service must stop. */
  onFault: (error: DomainError) => void;
}>;

/**
 * Runs the fleet checks of one database while the service serves. Repeats them until they could all run:
 * the database may be unreachable. `close` ends them.
 */
export function checkFleet({ settings, service, key, warn, onFault }: FleetChecks): {
  finished: Promise<void>;
  close: () => Promise<void>;
} {
  const closing = new AbortController();
  let open: DatabasePool | null = null;

  const runOnce = async (): Promise<void> => {
    const pool = await openCheckPool(settings);
    open = pool;
    try {
      const findings = await runFleetChecks(queryOf(pool), service);
      if (findings.length > 0) {
        // Stored first, so that the next start does not serve. A database that does not respond must not delay the stop.
        const recording = recordResult(pool, { service, key, passed: false, warn });
        await Promise.race([recording, wait(RECORD_TIMEOUT_MS, null, { ref: false })]);
        onFault(faultsFound(findings));
      }
    } finally {
      open = null;
      await pool.end();
    }
  };

  const run = async (): Promise<void> => {
    for (let delay = FIRST_DELAY_MS; !closing.signal.aborted; delay = Math.min(2 * delay, LAST_DELAY_MS)) {
      try {
        return await runOnce();
      } catch (error) {
        if (closing.signal.aborted) {
          return;
        }
        warn('the fleet checks could not run; they are repeated', { reason: (error as Error).message });
        await wait(delay, null, { ref: false, signal: closing.signal }).catch(() => {});
      }
    }
  };
  const finished = run();
  return {
    finished,
    close: async () => {
      closing.abort();
      await open?.end();
      await finished;
    },
  };
}

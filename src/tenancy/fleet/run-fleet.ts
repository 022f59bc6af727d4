import { setTimeout as wait } from 'node:timers/promises';
import pg from 'pg';

import { BUSY } from '../migrations/migrate-transactional.ts';

/**
 * Number of tenants after which a connection is replaced: a backend keeps 25 kB for every table that
 * it has used.
 */
const TENANTS_PER_CONNECTION = 200;

/** Milliseconds between two attempts at a tenant that another session holds. */
const BUSY_PAUSE = 200;

export type FleetRun = Readonly<{
  /** Number of connections, and of tenants at the same time. */
  jobs: number;
  continueOnError: boolean;
  /** Milliseconds after which a tenant that another session holds counts as failed. */
  busyTimeout: number;
}>;

type Job<Tenant> = Readonly<{
  /** Returns `busy` to be called again after the other tenants. */
  work: (client: pg.Client, tenant: Tenant) => Promise<undefined | typeof BUSY>;
  /** Called with a working connection, also when the failure is a broken connection. */
  onFailure: (client: pg.Client, tenant: Tenant, error: unknown) => Promise<void>;
}>;

/** Opens a connection that is replaced when it has broken or was used for many tenants. */
function openConnection(owner: pg.ClientConfig) {
  let client: pg.Client | null = null;
  let tenants = 0;
  const close = async (): Promise<void> => {
    const old = client;
    client = null;
    await old?.end().catch(() => {});
  };
  return {
    take: async (): Promise<pg.Client> => {
      if (client && tenants >= TENANTS_PER_CONNECTION) {
        await close();
      }
      if (!client) {
        const fresh = new pg.Client({ ...owner, application_name: 'koa-tenants migrate' });
        const remove = (): void => {
          client = client === fresh ? null : client;
        };
        fresh.on('error', remove).on('end', remove);
        await fresh.connect();
        [client, tenants] = [fresh, 0];
      }
      tenants += 1;
      return client;
    },
    close,
  };
}

/**
 * Runs a job on each tenant, at most `jobs` at the same time, each on one connection. Returns how many
 * tenants were not tried because another one failed.
 *
 * A busy tenant goes to the end of the queue. Concurrent runs share the fleet, and each waits for the
 * tenants that the other still holds.
 */
export async function runFleet<Tenant>(
  owner: pg.ClientConfig,
  tenants: readonly Tenant[],
  { jobs, continueOnError, busyTimeout }: FleetRun,
  { work, onFailure }: Job<Tenant>,
): Promise<number> {
  const queue = tenants.map((tenant) => ({ tenant, notBefore: 0, givenUp: 0 }));
  let next = 0;
  let stopped = false;
  const runJob = async (): Promise<void> => {
    const connection = openConnection(owner);
    try {
      while (!stopped) {
        const entry = queue[next];
        if (!entry) {
          return;
        }
        next += 1;
        const { tenant } = entry;
        if (entry.notBefore > Date.now()) {
          await wait(entry.notBefore - Date.now());
        }
        try {
          if ((await work(await connection.take(), tenant)) === BUSY) {
            const givenUp = entry.givenUp || Date.now() + busyTimeout;
            if (Date.now() > givenUp) {
              throw new Error('another process has locked the tenant for too long; run `migrate` again');
            }
            queue.push({ tenant, givenUp, notBefore: Date.now() + BUSY_PAUSE });
          }
        } catch (error) {
          stopped ||= !continueOnError;
          await onFailure(await connection.take(), tenant, error);
        }
      }
    } finally {
      await connection.close();
    }
  };
  const ended = await Promise.allSettled(
    Array.from({ length: Math.min(jobs, tenants.length) }, async () => {
      try {
        await runJob();
      } catch (error) {
        stopped = true;
        throw error;
      }
    }),
  );
  for (const outcome of ended) {
    if (outcome.status === 'rejected') {
      throw outcome.reason;
    }
  }
  return queue.length - next;
}

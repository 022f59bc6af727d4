import { setTimeout as wait } from 'node:timers/promises';
import pg from 'pg';

import { BUSY } from '../migrations/migrate-transactional.ts';

/** Tenants after which a connection is made anew: a backend keeps 25 kB of every table it has touched. */
const TENANTS_A_CONNECTION = 200;

/** Milliseconds between two looks at a tenant that somebody else has. */
const BUSY_PAUSE = 200;

export type FleetRun = Readonly<{
  /** Connections, and tenants at once. */
  jobs: number;
  continueOnError: boolean;
  /** Milliseconds after which a tenant that somebody else has counts as failed. */
  busyTimeout: number;
}>;

type Job<Tenant> = Readonly<{
  /** Answers `busy` to be called again when others have had their turn. */
  work: (client: pg.Client, tenant: Tenant) => Promise<undefined | typeof BUSY>;
  /** Gets a connection that works, also when the failure is that the other broke. */
  onFailure: (client: pg.Client, tenant: Tenant, error: unknown) => Promise<void>;
}>;

/** A connection that is replaced when it broke or has seen many tenants. */
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
      if (client && tenants >= TENANTS_A_CONNECTION) {
        await close();
      }
      if (!client) {
        const fresh = new pg.Client({ ...owner, application_name: 'koa-tenants migrate' });
        const forget = (): void => {
          client = client === fresh ? null : client;
        };
        fresh.on('error', forget).on('end', forget);
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
 * Runs a job on each tenant, `jobs` at a time, each on a connection that it
 * keeps. Answers how many were not tried because another failed before.
 *
 * A tenant that is busy goes to the end of the queue: two runs at once share the
 * fleet, and each waits for what the other still has.
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
              throw new Error('somebody else has had the tenant for too long: run `migrate` again');
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

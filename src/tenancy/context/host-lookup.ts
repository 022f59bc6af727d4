import { Unavailable } from '../../errors.ts';
import type { Tenant } from '../registry/tenant.ts';

/** Hosts of one query. */
const BATCH = 100;
/** Unknown hosts that may wait for a query. */
const MAX_WAITING = 1_000;

type Waiting = Readonly<{
  host: string;
  resolve: (tenant: Tenant | null) => void;
  reject: (error: unknown) => void;
}>;

/** Returns the tenant of a host. `isKnown`: whether the host has led to a tenant before. */
export type HostLookup = (host: string, isKnown: boolean) => Promise<Tenant | null>;

/**
 * Looks hosts up in batches, one query at a time for hosts that have led to a
 * tenant and one at a time for all others. A flood of random hosts occupies one
 * connection, and known hosts never wait behind it.
 *
 * The function that it returns throws Unavailable `overloaded` when too many
 * unknown hosts wait.
 */
export function createHostLookup(
  resolveHosts: (hosts: readonly string[]) => Promise<ReadonlyMap<string, Tenant>>,
): HostLookup {
  const createQueue = () => {
    const waiting: Waiting[] = [];
    let isRunning = false;
    const run = async (): Promise<void> => {
      if (isRunning) {
        return;
      }
      isRunning = true;
      while (waiting.length > 0) {
        const batch = waiting.splice(0, BATCH);
        try {
          const found = await resolveHosts(batch.map(({ host }) => host));
          for (const { host, resolve } of batch) {
            resolve(found.get(host) ?? null);
          }
        } catch (error) {
          for (const { reject } of batch) {
            reject(error);
          }
        }
      }
      isRunning = false;
    };
    return { waiting, run };
  };
  const [known, unknown] = [createQueue(), createQueue()];

  return (host, isKnown) => {
    const { waiting, run } = isKnown ? known : unknown;
    if (!isKnown && waiting.length >= MAX_WAITING) {
      throw new Unavailable('overloaded', 'Too many unknown hosts. Try again in a moment.', 1);
    }
    return new Promise((resolve, reject) => {
      waiting.push({ host, resolve, reject });
      void run();
    });
  };
}

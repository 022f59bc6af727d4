import { Unavailable } from '../../errors.ts';
import type { ResolvedTenant } from '../registry/tenant.ts';

/** Maximum number of hosts in one query. */
const BATCH = 100;
/** Maximum number of unknown hosts that wait for a query. */
const MAX_WAITING = 1_000;

type Waiting = Readonly<{
  host: string;
  resolve: (tenant: ResolvedTenant | null) => void;
  reject: (error: unknown) => void;
}>;

/** Returns the tenant of a host. `isKnown`: whether the host has resolved to a tenant before. */
export type HostLookup = (host: string, isKnown: boolean) => Promise<ResolvedTenant | null>;

/**
 * Creates a function that looks hosts up in batches. One query at a time is for hosts that have
 * resolved to a tenant, and one for all others: a flood of random hosts occupies one connection and
 * does not delay known hosts.
 *
 * The returned function throws Unavailable `overloaded` when too many unknown hosts wait.
 */
export function createHostLookup(
  resolveHosts: (hosts: readonly string[]) => Promise<ReadonlyMap<string, ResolvedTenant>>,
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
      throw new Unavailable('overloaded', 'Too many unknown hosts. Try again shortly.', 1);
    }
    return new Promise((resolve, reject) => {
      waiting.push({ host, resolve, reject });
      void run();
    });
  };
}

import { Unavailable } from '../../errors.ts';
import type { TenantId } from '../registry/tenant.ts';

export type ConcurrencyLimiter = Readonly<{
  /**
   * Waits until the tenant may start another transaction. Returns a function that ends it. `limit`:
   * maximum number of transactions of this tenant at the same time; null for the default.
   *
   * @throws Unavailable `overloaded` when the wait takes longer than `timeoutMs`, or the queue is full
   */
  enter: (tenant: TenantId, limit: number | null) => Promise<() => void>;
}>;

type Waiter = Readonly<{ start: () => void }>;
/** An array, because a Set keeps memory of requests: see `trackRequests`. */
type Queue = { running: number; waiting: Waiter[] };

/**
 * Number of queues up to which those of tenants without transactions are kept. Deleting and adding one for each request
 * would make V8 replace the table of the Map.
 */
const MAX_KEPT_QUEUES = 20_000;

/** Maximum number of waiting requests of one tenant. Each holds a socket. */
const MAX_WAITING = 1_000;

const rejection = (): Unavailable =>
  new Unavailable('overloaded', 'This tenant has too many concurrent requests. Try again shortly.', 1);

/**
 * Creates a limiter of the transactions that one tenant runs at the same time, so that no tenant
 * occupies all connections of its pool shard. Further transactions wait in Node, in order of arrival.
 *
 * `limit`: maximum number of transactions of a tenant. `timeoutMs`: maximum wait in milliseconds. A
 * request is rejected immediately when the queue is full.
 *
 * Counts in this process only. Keeps the queues of up to 20,000 tenants.
 */
export function createConcurrencyLimiter({
  limit: defaultLimit,
  timeoutMs,
  onRefused = () => {},
}: {
  limit: number;
  timeoutMs: number;
  onRefused?: () => void;
}): ConcurrencyLimiter {
  const queues = new Map<TenantId, Queue>();

  const leave = (tenant: TenantId, queue: Queue): void => {
    const next = queue.waiting.shift();
    if (next) {
      // The slot goes to the next in the queue, so that a new request cannot overtake it.
      next.start();
      return;
    }
    queue.running -= 1;
    if (queue.running === 0 && queues.size > MAX_KEPT_QUEUES) {
      queues.delete(tenant);
    }
  };

  const wait = (queue: Queue): Promise<void> => {
    const started = Promise.withResolvers<void>();
    const waiter: Waiter = {
      start: () => {
        clearTimeout(timer);
        started.resolve();
      },
    };
    const timer = setTimeout(() => {
      queue.waiting.splice(queue.waiting.indexOf(waiter), 1);
      onRefused();
      started.reject(rejection());
    }, timeoutMs);
    queue.waiting.push(waiter);
    return started.promise;
  };

  return {
    enter: async (tenant, ownLimit) => {
      const limit = ownLimit ?? defaultLimit;
      let queue = queues.get(tenant);
      if (!queue) {
        queue = { running: 0, waiting: [] };
        queues.set(tenant, queue);
      }
      if (queue.running < limit) {
        queue.running += 1;
      } else if (queue.waiting.length >= MAX_WAITING) {
        onRefused();
        throw rejection();
      } else {
        await wait(queue);
      }
      let active = true;
      return () => {
        if (active) {
          active = false;
          leave(tenant, queue);
        }
      };
    },
  };
}

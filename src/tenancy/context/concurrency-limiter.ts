import { Unavailable } from '../../errors.ts';
import type { TenantId } from '../registry/tenant.ts';

export type ConcurrencyLimiter = Readonly<{
  /**
   * Waits until the tenant may start another transaction. Returns a function that ends it. `limit`:
   * maximum number of transactions of this tenant at the same time; null for the default.
   *
   * @throws Unavailable `overloaded` when the wait takes longer than `timeoutMs`, or the queue is full
   */
  enter: (tenant: TenantId, places: number | null) => Promise<() => void>;
}>;

type Waiting = { let: () => void };
type Crowd = { inside: number; waiting: Set<Waiting> };

/** Maximum number of waiting requests of one tenant. Each holds a socket. */
const LONGEST_QUEUE = 1_000;

const refusal = (): Unavailable =>
  new Unavailable('overloaded', 'This tenant has too many requests under way. Try again in a moment.', 1);

/**
 * Creates a limiter of the transactions that one tenant runs at the same time, so that no tenant
 * occupies all connections of its pool shard. Further transactions wait in Node, in order of arrival.
 *
 * `limit`: maximum number of transactions of a tenant. `timeoutMs`: maximum wait in milliseconds. A
 * request is rejected immediately when the queue is full.
 *
 * Counts in this process only. Tenants without transactions use no memory.
 */
export function createConcurrencyLimiter({
  places: standard,
  patience,
  onRefused = () => {},
}: {
  places: number;
  patience: number;
  onRefused?: () => void;
}): ConcurrencyLimiter {
  const crowds = new Map<TenantId, Crowd>();

  const leave = (tenant: TenantId, crowd: Crowd): void => {
    const [next] = crowd.waiting;
    if (next) {
      // The slot goes to the next in the queue, so that a new request cannot overtake it.
      next.let();
      return;
    }
    crowd.inside -= 1;
    if (crowd.inside === 0) {
      crowds.delete(tenant);
    }
  };

  const wait = (crowd: Crowd): Promise<void> => {
    const turn = Promise.withResolvers<void>();
    const waiting: Waiting = {
      let: () => {
        clearTimeout(tired);
        crowd.waiting.delete(waiting);
        turn.resolve();
      },
    };
    const tired = setTimeout(() => {
      crowd.waiting.delete(waiting);
      onRefused();
      turn.reject(refusal());
    }, patience);
    crowd.waiting.add(waiting);
    return turn.promise;
  };

  return {
    enter: async (tenant, own) => {
      const places = own ?? standard;
      const crowd = crowds.get(tenant) ?? { inside: 0, waiting: new Set() };
      crowds.set(tenant, crowd);
      if (crowd.inside < places) {
        crowd.inside += 1;
      } else if (crowd.waiting.size >= LONGEST_QUEUE) {
        onRefused();
        throw refusal();
      } else {
        await wait(crowd);
      }
      let here = true;
      return () => {
        if (here) {
          here = false;
          leave(tenant, crowd);
        }
      };
    },
  };
}

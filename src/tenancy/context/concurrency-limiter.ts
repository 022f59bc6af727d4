import { Unavailable } from '../../errors.ts';
import type { TenantId } from '../registry/tenant.ts';

export type ConcurrencyLimiter = Readonly<{
  /**
   * Resolves when the tenant has a place, with what gives it back. `places` is how
   * many it has; null: as many as everybody.
   *
   * @throws Unavailable `overloaded` when that takes too long, or too many wait already
   */
  enter: (tenant: TenantId, places: number | null) => Promise<() => void>;
}>;

type Waiting = { let: () => void };
type Crowd = { inside: number; waiting: Set<Waiting> };

/** Requests of one tenant that wait. Each is an open socket. */
const LONGEST_QUEUE = 1_000;

const refusal = (): Unavailable =>
  new Unavailable('overloaded', 'This tenant has too many requests under way. Try again in a moment.', 1);

/**
 * Lets each tenant have so many transactions at once, so that none holds all of
 * its lane. The others wait in Node, in the order they came, for `patience`
 * milliseconds at most; a queue that is full refuses at once.
 *
 * Counts for this process alone. A tenant that is not here costs no memory.
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
      // The place is handed on: nobody who comes now slips in between.
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

import type { RateLimiterAbstract } from 'rate-limiter-flexible';
import { Unavailable } from '../../errors.ts';
import type { ThrottleStore } from './throttle-store.ts';

/** What is left of a minute. */
export type Allowance = Readonly<{
  limit: number;
  remaining: number;
  /** Seconds until the minute is over. */
  reset: number;
}>;

export type RequestLimit = Readonly<{
  /** Counts a request of a tenant that may have `perMinute`. Answers what is left: below 0 it was one too many. */
  spend: (tenant: string, perMinute: number) => Promise<Allowance>;
}>;

const MINUTE = 60;

type Counted = { msBeforeNext: number; remainingPoints: number };
const isCount = (said: unknown): said is Counted =>
  typeof said === 'object' && said !== null && 'msBeforeNext' in said;

/**
 * Counts the requests of each tenant, minute by minute from its first one: at the
 * seam of two minutes twice as many may come. Processes share the count where
 * the store is shared.
 */
export function createRequestLimit(store: Pick<ThrottleStore, 'limiter'>): RequestLimit {
  const limiters = new Map<number, RateLimiterAbstract>();
  const limiterOf = (points: number): RateLimiterAbstract => {
    const made =
      limiters.get(points) ??
      store.limiter({
        keyPrefix: `requests.${points}`,
        points,
        duration: MINUTE,
        // A flood is refused without a word to the store.
        inMemoryBlockOnConsumed: points + 1,
      });
    limiters.set(points, made);
    return made;
  };

  return {
    spend: async (tenant, limit) => {
      const allowance = ({ msBeforeNext }: Counted, remaining: number): Allowance => ({
        limit,
        remaining,
        reset: Math.max(1, Math.ceil(msBeforeNext / 1000)),
      });
      try {
        const counted = await limiterOf(limit).consume(tenant);
        return allowance(counted, counted.remainingPoints);
      } catch (refused) {
        if (!isCount(refused)) {
          throw refused;
        }
        return allowance(refused, -1);
      }
    },
  };
}

/** For who asks once too often. */
export const tooManyRequests = ({ reset }: Allowance): Unavailable =>
  new Unavailable(
    'throttled',
    `Request was throttled. Expected available in ${reset} second${reset === 1 ? '' : 's'}.`,
    reset,
  );

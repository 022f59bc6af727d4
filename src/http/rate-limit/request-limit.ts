import type { RateLimiterAbstract } from 'rate-limiter-flexible';
import { Unavailable } from '../../errors.ts';
import type { ThrottleStore } from './throttle-store.ts';

/** The remaining requests of a minute. */
export type Allowance = Readonly<{
  limit: number;
  remaining: number;
  /** Seconds until the minute ends. */
  reset: number;
}>;

export type RequestLimit = Readonly<{
  /**
   * Counts a request of a tenant with a limit of `perMinute`. Returns what remains: below 0 the
   * request exceeds the limit.
   */
  consume: (tenant: string, perMinute: number) => Promise<Allowance>;
}>;

const MINUTE = 60;

type Counted = { msBeforeNext: number; remainingPoints: number };
const isCount = (value: unknown): value is Counted =>
  typeof value === 'object' && value !== null && 'msBeforeNext' in value;

/**
 * Counts the requests of each tenant in windows of one minute that start with its first request.
 * Across the boundary of two windows, twice as many may pass. Processes share the count if they
 * share the store.
 */
export function createRequestLimit(store: Pick<ThrottleStore, 'limiter'>): RequestLimit {
  const limiters = new Map<number, RateLimiterAbstract>();
  const limiterOf = (points: number): RateLimiterAbstract => {
    const limiter =
      limiters.get(points) ??
      store.limiter({
        keyPrefix: `requests.${points}`,
        points,
        duration: MINUTE,
        // Further requests over the limit are rejected without a query to the store.
        inMemoryBlockOnConsumed: points + 1,
      });
    limiters.set(points, limiter);
    return limiter;
  };

  return {
    consume: async (tenant, limit) => {
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

/** Returns the error for a request over the limit. */
export const tooManyRequests = ({ reset }: Allowance): Unavailable =>
  new Unavailable(
    'throttled',
    `Request was throttled. Expected available in ${reset} second${reset === 1 ? '' : 's'}.`,
    reset,
  );

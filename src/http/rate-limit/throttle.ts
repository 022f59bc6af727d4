import { createHash } from 'node:crypto';
import type { RateLimiterAbstract } from 'rate-limiter-flexible';
import { Unavailable } from '../../errors.ts';
import type { Rate } from '../../tenancy/registry/setting-fields.ts';
import { networkOf } from '../network.ts';
import type { ThrottleStore } from './throttle-store.ts';

export type Scope = 'login' | 'reset' | 'register' | 'signup' | 'signup_domain' | 'operator';

/**
 * A counted attempt. `account` is compared literally: it must be the value that the database
 * compares, or the account's id. Different case rules would give one account several counters, or
 * two accounts one.
 */
export type Attempt = Readonly<{ tenant: string; account: string; address: string }>;

export type Throttle = Readonly<{
  /**
   * Counts an attempt.
   *
   * @throws Unavailable `throttled` when the attempt exceeds the limit
   */
  consume: (scope: Scope, rate: Rate | null, attempt: Attempt) => Promise<void>;
  /** Called after a success: removes the account's attempts from that address. */
  reset: (scope: Scope, rate: Rate | null, attempt: Attempt) => Promise<void>;
}>;

type BlockWindow = Readonly<{
  name: string;
  key: (attempt: Attempt) => string;
  /** Multiple of the rate's points … */
  points: number;
  /** … in a multiple of its periods. */
  periods: number;
  isReset: boolean;
}>;

const both: BlockWindow = {
  name: 'both',
  key: ({ account, address }) => `${account}|${address}`,
  points: 1,
  periods: 1,
  isReset: true,
};
/** Limits the attempts on many accounts from one address: an office, or one password tried on all accounts. */
const address: BlockWindow = {
  name: 'address',
  key: ({ address }) => address,
  points: 10,
  periods: 1,
  isReset: false,
};
/** Limits the attempts on one account from many addresses. */
const account: BlockWindow = {
  name: 'account',
  key: ({ account }) => account,
  points: 10,
  periods: 60,
  isReset: true,
};

const WINDOWS: Readonly<Record<Scope, readonly BlockWindow[]>> = {
  login: [both, address, account],
  reset: [both, address, { ...account, points: 2, periods: 1 }],
  register: [{ ...address, points: 1 }],
  signup: [
    { ...address, points: 1 },
    { ...account, points: 1, periods: 1 },
  ],
  // The account is the domain of a mail address.
  signup_domain: [{ ...account, points: 1, periods: 1 }],
  operator: [{ ...account, points: 1, periods: 1 }],
};

function throttled(msBeforeNext: number): Unavailable {
  const seconds = Math.max(1, Math.ceil(msBeforeNext / 1000));
  return new Unavailable(
    'throttled',
    `Request was throttled. Expected available in ${seconds} second${seconds === 1 ? '' : 's'}.`,
    seconds,
  );
}

/** Stores must not hold names and addresses of people. */
const digest = (text: string): string => createHash('sha256').update(text).digest('base64url');

/**
 * Counts attempts by tenant, account and address.
 *
 * Every attempt is counted before it is made, so that concurrent attempts cannot exceed the limit.
 * Processes share the count only if they share the store.
 */
export function createThrottle(store: ThrottleStore): Throttle {
  const limiters = new Map<string, RateLimiterAbstract>();

  const limiterOf = (scope: Scope, window: BlockWindow, rate: Rate): RateLimiterAbstract => {
    const points = rate.points * window.points;
    const duration = rate.seconds * window.periods;
    const keyPrefix = `${scope}.${window.name}.${points}.${duration}`;
    const limiter = limiters.get(keyPrefix) ?? store.limiter({ keyPrefix, points, duration });
    limiters.set(keyPrefix, limiter);
    return limiter;
  };

  const keyOf = (window: BlockWindow, attempt: Attempt): string =>
    digest(
      `${attempt.tenant}|${window.key({
        ...attempt,
        address: networkOf(attempt.address),
      })}`,
    );

  return {
    consume: async (scope, rate, attempt) => {
      if (!rate) {
        return;
      }
      for (const window of WINDOWS[scope]) {
        await limiterOf(scope, window, rate)
          .consume(keyOf(window, attempt))
          .catch((refused: { msBeforeNext?: number }) => {
            throw refused.msBeforeNext === undefined ? refused : throttled(refused.msBeforeNext);
          });
      }
    },
    reset: async (scope, rate, attempt) => {
      if (!rate) {
        return;
      }
      const windows = WINDOWS[scope].filter(({ isReset }) => isReset);
      await Promise.all(
        // A store that does not respond is replaced by memory, as for `consume`.
        windows.map((window) => limiterOf(scope, window, rate).delete(keyOf(window, attempt))),
      );
    },
  };
}

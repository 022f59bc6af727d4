import { randomBytes } from 'node:crypto';
import { hash, verify } from '@node-rs/argon2';

import { OperatorError, Unavailable } from '../../../errors.ts';
import type { AccountEnvironment } from '../settings.ts';
import { createFairQueue, QueueFull } from './fair-queue.ts';
import { isVerifiable, maxCost } from './stored-password.ts';

/** The cost of new hashes: memory in KiB, and passes. One lane. */
export type HashCost = Readonly<{ memory: number; passes: number }>;

// OWASP's first choice for argon2id.
const DEFAULT_COST: HashCost = { memory: 19_456, passes: 2 };
// The cheapest of OWASP's equivalent choices, 7 MiB and five passes.
const MIN_COST = 7_168 * 5;

/**
 * Returns the cost of new hashes.
 *
 * @throws OperatorError `configuration_invalid` for hashes that are too weak, or that would not be verified
 */
export function hashCostOf({
  PASSWORD_MEMORY: memory,
  PASSWORD_PASSES: passes,
  PASSWORD_MAX_MEMORY: maxMemory,
}: Pick<AccountEnvironment, 'PASSWORD_MEMORY' | 'PASSWORD_PASSES' | 'PASSWORD_MAX_MEMORY'>): HashCost {
  if (memory * passes < MIN_COST) {
    throw new OperatorError(
      'configuration_invalid',
      `PASSWORD_MEMORY times PASSWORD_PASSES is ${memory * passes}, and must be ${MIN_COST} or more.`,
    );
  }
  if (memory > maxMemory || memory * passes > maxCost(maxMemory)) {
    throw new OperatorError(
      'configuration_invalid',
      `PASSWORD_MEMORY must be at most PASSWORD_MAX_MEMORY, and PASSWORD_MEMORY times PASSWORD_PASSES at most three times that: otherwise new passwords would not be verified.`,
    );
  }
  return { memory, passes };
}

/** Runs on libuv's threads, never inside a transaction. */
export const hashPassword = (
  password: string,
  { memory, passes }: HashCost = DEFAULT_COST,
): Promise<string> => hash(password, { memoryCost: memory, timeCost: passes, parallelism: 1 });

/** Returns text in the form of a hash, which no password matches. Verifying a password against it takes as long as against a real hash. */
function createDecoy({ memory, passes }: HashCost): string {
  const [salt, hashed] = [16, 32].map((bytes) => randomBytes(bytes).toString('base64').replace(/=+$/, ''));
  return `$argon2id$v=19$m=${memory},t=${passes},p=1$${salt}$${hashed}`;
}

export type Passwords = Readonly<{
  /** Whether a hash has another cost than new ones. */
  isOutdated: (stored: string) => boolean;
  hash: (tenant: string, password: string) => Promise<string>;
  /**
   * Returns whether `password` matches `stored`. Without a user there is no stored hash: the same
   * work is done on a decoy, so that the duration is the same. This also applies to a hash that is
   * malformed or too expensive, which never matches.
   */
  matches: (tenant: string, password: string, stored: string | null) => Promise<boolean>;
}>;

/**
 * Hashes on at most `threads` threads: libuv's four threads also resolve hosts and read files, and
 * one core must remain for other requests.
 *
 * Tenants take turns. `queueLength` passwords of one tenant may wait, and ten times as many of all
 * tenants.
 *
 * @throws Unavailable `overloaded` from both functions, when too many wait
 */
export function createPasswords({
  threads,
  queueLength,
  cost = DEFAULT_COST,
  maxMemory,
}: {
  threads: number;
  queueLength: number;
  cost?: HashCost;
  /** Maximum memory of a verified hash in KiB, and a third of its maximum cost. */
  maxMemory?: number;
}): Passwords {
  const queue = createFairQueue({ concurrency: threads, perKey: queueLength, total: 10 * queueLength });
  const decoy = createDecoy(cost);

  const enqueue = <T>(tenant: string, work: () => Promise<T>): Promise<T> =>
    queue.run(tenant, work).catch((error: unknown) => {
      throw error instanceof QueueFull
        ? new Unavailable('overloaded', 'Too many logins at the moment. Try again shortly.', 5)
        : error;
    });

  return {
    isOutdated: (stored) => !stored.startsWith(`$argon2id$v=19$m=${cost.memory},t=${cost.passes},p=1$`),
    hash: (tenant, password) => enqueue(tenant, () => hashPassword(password, cost)),
    matches: async (tenant, password, stored) => {
      const against = stored !== null && isVerifiable(stored, maxMemory) ? stored : null;
      const matches = await enqueue(tenant, async () =>
        verify(against ?? decoy, password).catch(() => false),
      );
      return matches && against !== null;
    },
  };
}

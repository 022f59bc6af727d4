import { hash, verify } from '@node-rs/argon2';

import { Unavailable } from '../../../errors.ts';
import { createFairQueue, QueueFull } from './fair-queue.ts';
import { isVerifiable } from './stored-password.ts';

// OWASP's minimum for argon2id: 19 MiB, two passes, one lane. Runs on libuv's
// threads, never inside a transaction.
const PARAMETERS = { memoryCost: 19_456, timeCost: 2, parallelism: 1 };

export const hashPassword = (password: string): Promise<string> => hash(password, PARAMETERS);

/** Whether a hash was created with other than the current parameters. */
export function isOutdated(stored: string): boolean {
  const { memoryCost, timeCost, parallelism } = PARAMETERS;
  return !stored.startsWith(`$argon2id$v=19$m=${memoryCost},t=${timeCost},p=${parallelism}$`);
}

export type Passwords = Readonly<{
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
}: {
  threads: number;
  queueLength: number;
}): Passwords {
  const queue = createFairQueue({ concurrency: threads, perKey: queueLength, total: 10 * queueLength });
  const decoy = hashPassword('nobody has this password');

  const enqueue = <T>(tenant: string, work: () => Promise<T>): Promise<T> =>
    queue.run(tenant, work).catch((error: unknown) => {
      throw error instanceof QueueFull
        ? new Unavailable('overloaded', 'Too many people are logging in. Try again in a moment.', 5)
        : error;
    });

  return {
    hash: (tenant, password) => enqueue(tenant, () => hashPassword(password)),
    matches: async (tenant, password, stored) => {
      const against = stored !== null && isVerifiable(stored) ? stored : null;
      const matches = await enqueue(tenant, async () =>
        verify(against ?? (await decoy), password).catch(() => false),
      );
      return matches && against !== null;
    },
  };
}

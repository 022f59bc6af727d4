import { hash, verify } from '@node-rs/argon2';
import pLimit from 'p-limit';

import { Unavailable } from '../../../errors.ts';

// OWASP's minimum for argon2id: 19 MiB, two passes, one lane. Runs on libuv's
// threads, never inside a transaction.
const PARAMETERS = { memoryCost: 19_456, timeCost: 2, parallelism: 1 };

export const hashPassword = (password: string): Promise<string> => hash(password, PARAMETERS);

/** Whether a hash was made with other parameters than today's. */
export function isOutdated(stored: string): boolean {
  const { memoryCost, timeCost, parallelism } = PARAMETERS;
  return !stored.startsWith(`$argon2id$v=19$m=${memoryCost},t=${timeCost},p=${parallelism}$`);
}

export type Passwords = Readonly<{
  hash: (password: string) => Promise<string>;
  /**
   * Whether `password` is the one behind `stored`. Without a user there is no
   * stored hash: the same work is done on a decoy, so that the time does not tell.
   */
  matches: (password: string, stored: string | null) => Promise<boolean>;
}>;

/** Passwords that may wait for a thread. Who comes after them is told to come back. */
const MOST_WAITING = 500;

/**
 * Hashes on `threads` threads and no more: libuv's four also look up hosts and
 * read files, and a core must be left for everybody who does not log in.
 *
 * @throws Unavailable `overloaded` from both functions, when too many wait
 */
export function createPasswords(threads: number): Passwords {
  const limit = pLimit(threads);
  const decoy = hashPassword('nobody has this password');

  const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
    if (limit.pendingCount >= MOST_WAITING) {
      throw new Unavailable('overloaded', 'Too many people are logging in. Try again in a moment.', 5);
    }
    return limit(work);
  };

  return {
    hash: async (password) => inTurn(() => hashPassword(password)),
    matches: async (password, stored) => {
      const against = stored?.startsWith('$argon2') ? stored : null;
      const matches = await inTurn(async () => verify(against ?? (await decoy), password).catch(() => false));
      return matches && against !== null;
    },
  };
}

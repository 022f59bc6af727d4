import { hash, verify } from '@node-rs/argon2';

// OWASP's minimum for argon2id: 19 MiB, two passes, one lane. Runs on libuv's
// threads, never inside a transaction.
const PARAMETERS = { memoryCost: 19_456, timeCost: 2, parallelism: 1 };

export const hashPassword = (password: string): Promise<string> => hash(password, PARAMETERS);

const decoy = hashPassword('nobody has this password');

/**
 * Whether `password` is the one behind `stored`. Without a user there is no
 * stored hash: the same work is done on a decoy, so that the time does not tell.
 */
export async function passwordMatches(password: string, stored: string | null): Promise<boolean> {
  const against = stored?.startsWith('$argon2') ? stored : null;
  const matches = await verify(against ?? (await decoy), password).catch(() => false);
  return matches && against !== null;
}

/**
 * Replaces @node-rs/argon2 in the processes of the tests: verifies a password against the same hash once. Most logins of
 * the tests are those of a few users with one password, and each would take 30 ms of CPU time.
 */
import { verify as verifyNow } from '@node-rs/argon2';

export * from '@node-rs/argon2';

const verified = new Map<string, Promise<boolean>>();

/** The tests of faults send passwords as load. */
const isLoad = (): boolean => (process.env.TEST_FILE ?? '').includes('/test/fault/');

export const verify: typeof verifyNow = (hash, password, ...options) => {
  if (isLoad() || options.length > 0) {
    return verifyNow(hash, password, ...options);
  }
  const key = JSON.stringify([String(hash), String(password)]);
  const result = verified.get(key) ?? verifyNow(hash, password);
  verified.set(key, result);
  result.catch(() => verified.delete(key));
  return result;
};

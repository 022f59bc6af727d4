/**
 * Replaces @node-rs/argon2 in the processes of tests: compares each password with each hash once. A comparison takes
 * 20 ms of CPU time, most tests log in, and most of their users have the same password and hash.
 */
import { verify as verifyAlways } from '@node-rs/argon2';

export { hash } from '@node-rs/argon2';

/** Tests of load, and of the hashes themselves. */
const UNCHANGED = /\/test\/(?:fault\/|apps\/accounts\/stored-password\.)/;

const isChanged = (): boolean => !UNCHANGED.test(process.env.TEST_FILE ?? '');

type Text = Parameters<typeof verifyAlways>[0];

const results = new Map<string, Promise<boolean>>();
const keyOf = (stored: Text, password: Text): string => JSON.stringify([String(stored), String(password)]);

export const verify: typeof verifyAlways = (stored, password, ...options) => {
  if (!isChanged()) {
    return verifyAlways(stored, password, ...options);
  }
  const key = keyOf(stored, password);
  const result = results.get(key) ?? verifyAlways(stored, password, ...options);
  results.set(key, result);
  return result;
};

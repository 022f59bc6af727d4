import { createHash } from 'node:crypto';

/**
 * A secret that Node and the database share. `secret` has 32 to 64 bytes: HMAC-SHA256 uses such keys
 * unhashed.
 */
export type ProofKey = Readonly<{ id: string; secret: Buffer }>;

/**
 * Parses `TENANCY_KEYS`: `id:secret` pairs separated by commas. The first key signs. All keys are
 * installed, so that a rotation does not interrupt traffic.
 *
 * @throws TypeError naming the invalid pair, without its secret
 */
export function parseProofKeys(text: string): readonly [ProofKey, ...ProofKey[]] {
  const keys = text.split(',').map((pair, index) => {
    const [id, secret, ...rest] = pair.trim().split(':');
    if (!id || !/^[a-zA-Z0-9_-]{1,32}$/.test(id) || !secret || rest.length > 0) {
      throw new TypeError(`pair ${index + 1} must be <id>:<secret>`);
    }
    if (secret.length < 32) {
      throw new TypeError(`the secret of key "${id}" must have at least 32 characters`);
    }
    // Secrets of any length become the 32 bytes that the database stores as pads.
    return { id, secret: createHash('sha256').update(secret).digest() };
  });
  const [first, ...others] = keys;
  if (!first || new Set(keys.map(({ id }) => id)).size !== keys.length) {
    throw new TypeError('every key must have a unique id');
  }
  return [first, ...others];
}

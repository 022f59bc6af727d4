import { createHmac } from 'node:crypto';
import type { TenantId } from '../registry/tenant.ts';
import type { ProofKey } from './keys.ts';

/** Seconds that a proof is good for. The database refuses more than 120. */
const LIFETIME = 60;

export type Proof = Readonly<{ expires: number; text: string }>;

/** Proves to a door of `tenancy` that this process says `message`. `now` is in milliseconds. */
export function signMessage(key: ProofKey, message: string, now: number = Date.now()): Proof {
  const expires = Math.floor(now / 1000) + LIFETIME;
  const mac = createHmac('sha256', key.secret).update(`${message}|${expires}`).digest('hex');
  return { expires, text: `${key.id}.${mac}` };
}

/**
 * Proves to `tenancy.enter` that this process let the transaction into `tenant`.
 *
 * Always a bound value and never part of an SQL text, so that no statement of a
 * tenant can read it. `now` is in milliseconds.
 */
export const createProof = (key: ProofKey, tenant: TenantId, now: number = Date.now()): Proof =>
  signMessage(key, `enter|${tenant}`, now);

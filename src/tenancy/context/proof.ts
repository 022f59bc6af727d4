import { createHmac } from 'node:crypto';
import type { TenantId } from '../registry/tenant.ts';
import type { ProofKey } from './keys.ts';

/** Seconds until a proof expires. The database rejects more than 120. */
const LIFETIME = 60;

export type Proof = Readonly<{ expires: number; text: string }>;

/**
 * Creates a proof for a function of schema `tenancy`: this process has signed `message`. `now` is in
 * milliseconds.
 */
export function signMessage(key: ProofKey, message: string, now: number = Date.now()): Proof {
  const expires = Math.floor(now / 1000) + LIFETIME;
  const mac = createHmac('sha256', key.secret).update(`${message}|${expires}`).digest('hex');
  return { expires, text: `${key.id}.${mac}` };
}

/**
 * Creates a proof for `tenancy.enter`, with which a transaction can enter `tenant`.
 *
 * Send it as a bound value and never as a part of an SQL text, so that no statement of a tenant can
 * read it. `now` is in milliseconds.
 */
export const createProof = (key: ProofKey, tenant: TenantId, now: number = Date.now()): Proof =>
  signMessage(key, `enter|${tenant}`, now);

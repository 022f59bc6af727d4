import { createHmac, createSecretKey, type KeyObject } from 'node:crypto';
import type { LRUCache } from 'lru-cache';
import { createGrowingCache } from '../../growing-cache.ts';
import type { TenantId } from '../registry/tenant.ts';
import type { ProofKey } from './keys.ts';

/** Seconds until a proof expires. The database rejects more than 120. */
const LIFETIME = 60;
/** Seconds for which a proof is reused. At least 45 remain for the wait for a connection and for a clock that differs. */
const REUSE = 15;
/** Maximum number of tenants whose proofs are kept. */
const MAX_REUSED = 10_000;

export type Proof = Readonly<{ expires: number; text: string }>;

type KeyState = Readonly<{ secret: KeyObject; proofs: LRUCache<TenantId, Proof> }>;

const states = new WeakMap<ProofKey, KeyState>();

/** Returns the state of a key. A `KeyObject` is converted once; a Buffer is converted for every MAC. */
function stateOf(key: ProofKey): KeyState {
  const known = states.get(key);
  if (known) {
    return known;
  }
  const state = {
    secret: createSecretKey(key.secret),
    proofs: createGrowingCache<TenantId, Proof>(MAX_REUSED),
  };
  states.set(key, state);
  return state;
}

/**
 * Creates a proof for a function of schema `tenancy`: this process has signed `message`. `now` is in
 * milliseconds.
 */
export function signMessage(key: ProofKey, message: string, now: number = Date.now()): Proof {
  const expires = Math.floor(now / 1000) + LIFETIME;
  const mac = createHmac('sha256', stateOf(key).secret).update(`${message}|${expires}`).digest('hex');
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

/**
 * Returns a proof for `tenancy.enter` that this process may already have sent for the same tenant, at
 * most 15 seconds ago.
 *
 * The database does not limit how often a proof is used before it expires, so that reuse gives no
 * one more than the proof itself does.
 */
export function reuseProof(key: ProofKey, tenant: TenantId, now: number = Date.now()): Proof {
  const { proofs } = stateOf(key);
  const known = proofs.get(tenant);
  const remaining = known ? known.expires - Math.floor(now / 1000) : 0;
  // A clock that was set back makes a proof look too young.
  if (known && remaining > LIFETIME - REUSE && remaining <= LIFETIME) {
    return known;
  }
  const proof = createProof(key, tenant, now);
  proofs.set(tenant, proof);
  return proof;
}

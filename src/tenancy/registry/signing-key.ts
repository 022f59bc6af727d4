import { createSecretKey, hkdfSync, type KeyObject } from 'node:crypto';
import type { LRUCache } from 'lru-cache';
import { createGrowingCache } from '../../growing-cache.ts';

import type { Tenant } from './tenant.ts';

/** `current` signs. Signatures of `previous` stay valid during a rotation. */
export type AppSecrets = Readonly<{ current: string; previous: string | null }>;

/** The use of a key. The key of a token cannot verify a link, and vice versa. */
export type KeyUse = 'token' | 'link' | 'csrf';

type Owner = Pick<Tenant, 'id' | 'keyGeneration'>;

const derive = (secret: string, tenant: Owner, use: KeyUse): KeyObject =>
  createSecretKey(
    Buffer.from(hkdfSync('sha256', secret, tenant.id, `koa-tenants ${use} ${tenant.keyGeneration}`, 32)),
  );

/** A tenant's keys for one use, the signing key first. */
type Keys = readonly [KeyObject, ...KeyObject[]];

/** Maximum number of cached keys of one pair of secrets: three uses of 3,333 tenants. */
const MAX_KEYS = 10_000;

type Derived = Readonly<{ generation: number; keys: Keys }>;

const derived = new WeakMap<AppSecrets, LRUCache<string, Derived>>();

function cacheOf(secrets: AppSecrets): LRUCache<string, Derived> {
  const known = derived.get(secrets);
  if (known) {
    return known;
  }
  const cache = createGrowingCache<string, Derived>(MAX_KEYS);
  derived.set(secrets, cache);
  return cache;
}

/**
 * Returns one tenant's keys for one use, the signing key first. Keys are derived, so that they are not
 * stored, and the key of one tenant reveals nothing about another's.
 *
 * Derived keys are cached. A tenant with a new key generation gets new keys, and the old ones are
 * deleted from the cache.
 */
export function tenantKeys(secrets: AppSecrets, tenant: Owner, use: KeyUse): Keys {
  const cache = cacheOf(secrets);
  const name = `${use} ${tenant.id}`;
  const known = cache.get(name);
  if (known?.generation === tenant.keyGeneration) {
    return known.keys;
  }
  const current = derive(secrets.current, tenant, use);
  const keys: Keys = secrets.previous === null ? [current] : [current, derive(secrets.previous, tenant, use)];
  cache.set(name, { generation: tenant.keyGeneration, keys });
  return keys;
}

/** Returns the keys of one tenant's tokens. */
export const signingKeys = (secrets: AppSecrets, tenant: Owner): Keys => tenantKeys(secrets, tenant, 'token');

export const issuerOf = (tenant: Pick<Tenant, 'id'>): string => `urn:koa-tenants:${tenant.id}`;

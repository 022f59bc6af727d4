import { hkdfSync } from 'node:crypto';

import type { Tenant } from './tenant.ts';

/** `current` signs; tokens of `previous` stay good while a secret is being rotated. */
export type AppSecrets = Readonly<{ current: string; previous: string | null }>;

const derive = (secret: string, tenant: Pick<Tenant, 'id' | 'keyGeneration'>): Buffer =>
  Buffer.from(hkdfSync('sha256', secret, tenant.id, `koa-tenants token ${tenant.keyGeneration}`, 32));

/**
 * The keys of one tenant's tokens, the signing one first: derived, so that a key
 * of one tenant says nothing of another's, and none is stored.
 */
export function signingKeys(
  secrets: AppSecrets,
  tenant: Pick<Tenant, 'id' | 'keyGeneration'>,
): readonly [Buffer, ...Buffer[]] {
  return secrets.previous === null
    ? [derive(secrets.current, tenant)]
    : [derive(secrets.current, tenant), derive(secrets.previous, tenant)];
}

export const issuerOf = (tenant: Pick<Tenant, 'id'>): string => `urn:koa-tenants:${tenant.id}`;

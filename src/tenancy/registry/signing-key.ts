import { hkdfSync } from 'node:crypto';

import type { Tenant } from './tenant.ts';

/** `current` signs; what `previous` has signed stays good while a secret is being rotated. */
export type AppSecrets = Readonly<{ current: string; previous: string | null }>;

/** What a key is for. A token's key opens no link, and the reverse. */
export type KeyUse = 'token' | 'link' | 'csrf';

type Owner = Pick<Tenant, 'id' | 'keyGeneration'>;

const derive = (secret: string, tenant: Owner, use: KeyUse): Buffer =>
  Buffer.from(hkdfSync('sha256', secret, tenant.id, `koa-tenants ${use} ${tenant.keyGeneration}`, 32));

/**
 * One tenant's keys for one use, the signing one first: derived, so that a key
 * of one tenant says nothing of another's, and none is stored.
 */
export function tenantKeys(secrets: AppSecrets, tenant: Owner, use: KeyUse): readonly [Buffer, ...Buffer[]] {
  return secrets.previous === null
    ? [derive(secrets.current, tenant, use)]
    : [derive(secrets.current, tenant, use), derive(secrets.previous, tenant, use)];
}

/** The keys of one tenant's tokens. */
export const signingKeys = (secrets: AppSecrets, tenant: Owner): readonly [Buffer, ...Buffer[]] =>
  tenantKeys(secrets, tenant, 'token');

export const issuerOf = (tenant: Pick<Tenant, 'id'>): string => `urn:koa-tenants:${tenant.id}`;

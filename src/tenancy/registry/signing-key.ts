import { hkdfSync } from 'node:crypto';

import type { Tenant } from './tenant.ts';

/** `current` signs. Signatures of `previous` stay valid during a rotation. */
export type AppSecrets = Readonly<{ current: string; previous: string | null }>;

/** The use of a key. The key of a token cannot verify a link, and vice versa. */
export type KeyUse = 'token' | 'link' | 'csrf';

type Owner = Pick<Tenant, 'id' | 'keyGeneration'>;

const derive = (secret: string, tenant: Owner, use: KeyUse): Buffer =>
  Buffer.from(hkdfSync('sha256', secret, tenant.id, `koa-tenants ${use} ${tenant.keyGeneration}`, 32));

/**
 * Returns one tenant's keys for one use, the signing key first. Keys are derived, so that they are not
 * stored, and the key of one tenant reveals nothing about another's.
 */
export function tenantKeys(secrets: AppSecrets, tenant: Owner, use: KeyUse): readonly [Buffer, ...Buffer[]] {
  return secrets.previous === null
    ? [derive(secrets.current, tenant, use)]
    : [derive(secrets.current, tenant, use), derive(secrets.previous, tenant, use)];
}

/** Returns the keys of one tenant's tokens. */
export const signingKeys = (secrets: AppSecrets, tenant: Owner): readonly [Buffer, ...Buffer[]] =>
  tenantKeys(secrets, tenant, 'token');

export const issuerOf = (tenant: Pick<Tenant, 'id'>): string => `urn:koa-tenants:${tenant.id}`;

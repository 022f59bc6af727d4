import { createHash, createHmac, randomBytes, timingSafeEqual } from 'node:crypto';

import { isUuid } from '../../../http/identifier.ts';
import { type AppSecrets, tenantKeys } from '../../../tenancy/registry/signing-key.ts';
import type { ResolvedTenant } from '../../../tenancy/registry/tenant.ts';

type Site = Pick<ResolvedTenant, 'id' | 'keyGeneration'>;

/** Seconds for which an invitation is valid. */
const INVITATION_LIFETIME = 7 * 86_400;

const signatures = (secrets: AppSecrets, site: Site, parts: readonly string[]): readonly string[] =>
  tenantKeys(secrets, site, 'link').map((key) =>
    createHmac('sha256', key)
      .update(JSON.stringify(['site', ...parts]))
      .digest('base64url'),
  );

const isSigned = (rights: readonly string[], given: string): boolean =>
  rights.some((right) => {
    const [left, other] = [Buffer.from(given), Buffer.from(right)];
    return left.length === other.length && timingSafeEqual(left, other);
  });

/** Returns the secret of the mail that confirms the address of a sign-up. */
export const createConfirmation = (secrets: AppSecrets, site: Site, id: string): string =>
  `${id}.${signatures(secrets, site, ['signup', id])[0]}`;

/** Returns the id of the sign-up that a mailed link confirms, or null. */
export function readConfirmation(secrets: AppSecrets, site: Site, token: string): string | null {
  const [id = '', signature = '', ...rest] = token.slice(0, 200).split('.');
  return isUuid(id) && rest.length === 0 && isSigned(signatures(secrets, site, ['signup', id]), signature)
    ? id
    : null;
}

/** A status URL ends with this text: the id of the sign-up, and a random key. The table has a digest of the key. */
export type StatusKey = Readonly<{ text: string; digest: Buffer }>;

const digestOf = (text: string): Buffer => createHash('sha256').update(text).digest();

export function createStatusKey(id: string): StatusKey {
  const key = randomBytes(16).toString('base64url');
  return { text: `${id}.${key}`, digest: digestOf(key) };
}

/** Returns the id and the digest of the key of a status URL, or null. */
export function readStatusKey(text: string): Readonly<{ id: string; digest: Buffer }> | null {
  const [, id = '', key = ''] = /^([0-9a-f-]{36})\.([\w-]{22})$/.exec(text) ?? [];
  return isUuid(id) ? { id, digest: digestOf(key) } : null;
}

const now = (): number => Math.floor(Date.now() / 1000);

/** Returns an invitation to sign up with one address. */
export function createInvitation(secrets: AppSecrets, site: Site, email: string): string {
  const expires = String(now() + INVITATION_LIFETIME);
  return `${expires}.${signatures(secrets, site, ['invitation', expires, email.toLowerCase()])[0]}`;
}

/** Returns the digest of an invitation for this address, or null when it is not valid. */
export function readInvitation(secrets: AppSecrets, site: Site, email: string, token: string): Buffer | null {
  const [expires = '', signature = '', ...rest] = token.slice(0, 200).split('.');
  const isRight =
    rest.length === 0 &&
    /^\d{10}$/.test(expires) &&
    Number(expires) > now() &&
    isSigned(signatures(secrets, site, ['invitation', expires, email.toLowerCase()]), signature);
  return isRight ? digestOf(token) : null;
}

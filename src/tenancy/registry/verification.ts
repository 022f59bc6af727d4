import type { DomainRow } from './domains.ts';

/** Whether a domain must be verified: it is neither the base domain nor below it. */
export const needsVerification = (domain: string, base: string): boolean =>
  domain !== base && !domain.endsWith(`.${base}`);

/** Returns the DNS record with which the owner of a domain confirms the tenant. */
export const verificationRecord = ({
  domain,
  verification_token: token,
}: Pick<DomainRow, 'domain' | 'verification_token'>): { name: string; value: string } => ({
  name: `_koa-tenants.${domain}`,
  value: `koa-tenants=${token}`,
});

import type { DomainRow } from './domains.ts';

/** Whether a domain is somebody's own: neither the base domain nor below it. */
export const needsVerification = (domain: string, base: string): boolean =>
  domain !== base && !domain.endsWith(`.${base}`);

/** The DNS record that says: whoever holds this domain wants it to lead here. */
export const verificationRecord = ({
  domain,
  verification_token: token,
}: Pick<DomainRow, 'domain' | 'verification_token'>): { name: string; value: string } => ({
  name: `_koa-tenants.${domain}`,
  value: `koa-tenants=${token}`,
});

import { OperatorError } from '../../errors.ts';
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

/** Whether domains outside of the base domain are served only after their verification. */
export type VerificationRule = Readonly<{ baseDomain: string; required: boolean }>;

/**
 * Checks that a new domain may become the primary one before it is verified. `hint`: what to do first.
 *
 * @throws OperatorError `usage_invalid`
 */
export function assertPrimaryAllowed(
  domain: string,
  { baseDomain, required }: VerificationRule,
  hint: string,
): void {
  if (required && needsVerification(domain, baseDomain)) {
    throw new OperatorError(
      'usage_invalid',
      `"${domain}" must be verified before it can be primary. ${hint}`,
    );
  }
}

/** Whether a domain of a tenant is served. */
export const mayServe = (
  { domain, verified_at: verifiedAt }: Pick<DomainRow, 'domain' | 'verified_at'>,
  { baseDomain, required }: VerificationRule,
): boolean => !required || verifiedAt !== null || !needsVerification(domain, baseDomain);

import type { DomainRow } from '../../../tenancy/registry/domains.ts';
import { needsVerification, verificationRecord } from '../../../tenancy/registry/verification.ts';

/** A domain and its standing in words. */
export function describeDomain(row: DomainRow, base: string): string {
  const standing = [
    ...(row.is_primary ? ['primary'] : []),
    ...(row.verified_at ? ['verified'] : needsVerification(row.domain, base) ? ['not verified'] : []),
  ].join(', ');
  return standing === '' ? row.domain : `${row.domain} (${standing})`;
}

/** What to put into the DNS of a domain, as a zone file has it. */
export function describeRecord(row: DomainRow): string {
  const { name, value } = verificationRecord(row);
  return `${name}. TXT "${value}"`;
}

import type { DomainRow } from '../../../tenancy/registry/domains.ts';
import { needsVerification, verificationRecord } from '../../../tenancy/registry/verification.ts';

/** Returns a sentence about a domain and its verification. */
export function describeDomain(row: DomainRow, base: string): string {
  const properties = [
    ...(row.is_primary ? ['primary'] : []),
    ...(row.verified_at ? ['verified'] : needsVerification(row.domain, base) ? ['not verified'] : []),
  ].join(', ');
  return properties === '' ? row.domain : `${row.domain} (${properties})`;
}

/** Returns the DNS record of a domain, in the format of a zone file. */
export function describeRecord(row: DomainRow): string {
  const { name, value } = verificationRecord(row);
  return `${name}. TXT "${value}"`;
}

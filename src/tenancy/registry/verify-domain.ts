import { Resolver } from 'node:dns/promises';
import type pg from 'pg';

import { withAdminConnection } from '../../db/admin/admin-connection.ts';
import { OperatorError } from '../../errors.ts';
import { type DomainRow, findDomain } from './domains.ts';
import type { DomainName } from './tenant.ts';
import { verificationRecord } from './verification.ts';

/** Resolves the TXT records of a name, each as a list of strings, as in node:dns. */
export type ResolveTxt = (name: string) => Promise<readonly (readonly string[])[]>;

/** Milliseconds until a DNS query times out, and maximum number of attempts. */
const QUERY_LIMITS = { timeout: 2_000, tries: 2 };

/** Creates a resolver. `server`: address, or address:port, of a DNS server; null for the system's. */
export function createResolveTxt(server: string | null): ResolveTxt {
  const resolver = new Resolver(QUERY_LIMITS);
  if (server !== null) {
    resolver.setServers([server]);
  }
  return (name) => resolver.resolveTxt(name);
}

/** Codes that mean that the domain has no such record. Other errors are failures of the lookup. */
const NO_RECORD = new Set(['ENODATA', 'ENOTFOUND']);

async function assertRecord(resolveTxt: ResolveTxt, row: DomainRow): Promise<void> {
  const { name, value } = verificationRecord(row);
  const records = await resolveTxt(name).catch((error: NodeJS.ErrnoException) => {
    if (NO_RECORD.has(error.code ?? '')) {
      return [];
    }
    throw new OperatorError(
      'domain_not_verified',
      `DNS lookup of ${name} failed (${error.code ?? error.message}). Try again later.`,
      { cause: error },
    );
  });
  const texts = records.map((pieces) => pieces.join(''));
  if (!texts.includes(value)) {
    throw new OperatorError(
      'domain_not_verified',
      `${name} ${texts.length === 0 ? 'has no TXT record' : 'has another TXT record'}, which must be "${value}". DNS changes can take some minutes.`,
    );
  }
}

/**
 * Marks a domain as verified if its DNS has the tenant's token. Its host is then served where
 * verification is required. It stays verified.
 *
 * DNS is queried between two transactions and not inside one. `resolveTxt` is null when the operator
 * has confirmed the domain.
 *
 * @throws DomainError `tenant_not_found`, `domain_not_found` or `domain_not_verified`
 */
export async function verifyDomain(
  owner: pg.ClientConfig,
  schema: string,
  domain: DomainName,
  resolveTxt: ResolveTxt | null,
): Promise<{ domain: DomainRow; changed: boolean }> {
  const find = (client: pg.ClientBase): Promise<DomainRow> =>
    findDomain(client, schema, domain).then((found) => found.domain);
  const before = await withAdminConnection(owner, find);
  if (before.verified_at) {
    return { domain: before, changed: false };
  }
  if (resolveTxt) {
    await assertRecord(resolveTxt, before);
  }
  return withAdminConnection(owner, async (client) => {
    // Selected by token: the domain may have been moved to another tenant meanwhile.
    await client.query(
      `update public.domains
       set verified_at = now()
       where domain = $1
         and verification_token = $2`,
      [domain, before.verification_token],
    );
    return { domain: await find(client), changed: true };
  });
}

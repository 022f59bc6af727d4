import { createHash } from 'node:crypto';
import { sql } from 'slonik';
import { z } from 'zod';

import type { TenantTransaction } from '../../tenancy/context/with-tenant.ts';

/**
 * Records that an operator acts for a user. Returns false when the token was already used: the row
 * makes it single-use and cannot be deleted by the service.
 */
export async function insertImpersonation(
  tx: TenantTransaction,
  { actor, userId, tokenId }: { actor: string; userId: number | null; tokenId: string },
): Promise<boolean> {
  const { rowCount } = await tx.query(sql.type(z.object({}))`
    insert into audit_events (action, actor, user_id, token_id)
    values ('impersonation', ${actor}, ${userId}, ${tokenId}::uuid)
    on conflict on constraint audit_events__token_id do nothing
  `);
  return rowCount === 1;
}

/**
 * Returns the ID of a token in the audit events of the public site and of the tenant: a digest of
 * the whole token, so that it covers the tenant, the user, the operator and the times.
 */
export function issuedId(token: string): string {
  const hex = createHash('sha256').update(token).digest('hex');
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20, 32)].join(
    '-',
  );
}

/** Whether the public site has recorded that it issued this token to `actor`. Runs in a transaction of the site. */
export const isIssued = (
  tx: TenantTransaction,
  { token, actor }: { token: string; actor: string },
): Promise<boolean> =>
  tx.oneFirst(sql.type(z.object({ issued: z.boolean() }))`
    select exists (
      select
      from audit_events
      where token_id = ${issuedId(token)}::uuid
        and action = 'impersonation'
        and actor = ${actor}
    ) as issued
  `);

import { sql } from 'slonik';
import { z } from 'zod';

import type { TenantTransaction } from '../../tenancy/context/with-tenant.ts';

/**
 * Writes down that an operator acts for a user. False when the token was spent
 * before: the row is what makes it single-use, and nobody can take it away.
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

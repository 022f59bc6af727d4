import { sql } from 'slonik';
import { z } from 'zod';

import type { EntryStatement } from '../../db/entry.ts';
import { DomainError } from '../../errors.ts';
import type { AccessClaims } from '../../http/state.ts';
import type { TenantTransaction } from '../../tenancy/with-tenant.ts';

const profile = z.object({ id: z.number(), username: z.string(), email: z.string() }).strict();
const credentials = z
  .object({ id: z.number(), password: z.string(), is_active: z.boolean(), token_version: z.number() })
  .strict();
const standing = z.object({ is_active: z.boolean(), token_version: z.number() });

export type Profile = z.infer<typeof profile>;
export type Credentials = z.infer<typeof credentials>;

/**
 * Checks, together with the transaction's entry, that the token's user is still
 * there, active, and has the password that the token was given for.
 */
export function userGuard(claims: AccessClaims): EntryStatement {
  return {
    text: `
      select u.is_active, u.token_version
      from users as u
      where u.id = $1::bigint
    `,
    values: [claims.userId],
    verify: ([row]) => {
      if (!row) {
        throw new DomainError('user_not_found', 'User not found');
      }
      const user = standing.parse(row);
      if (!user.is_active) {
        throw new DomainError('user_inactive', 'User is inactive');
      }
      if (user.token_version !== claims.version) {
        throw new DomainError('password_changed', "The user's password has been changed.");
      }
    },
  };
}

export const findProfile = (tx: TenantTransaction, id: string): Promise<Profile | null> =>
  tx.maybeOne(sql.type(profile)`
    select id, username, email
    from users
    where id = ${id}::bigint
  `);

export const findCredentials = (tx: TenantTransaction, username: string): Promise<Credentials | null> =>
  tx.maybeOne(sql.type(credentials)`
    select id, password, is_active, token_version
    from users
    where username = ${username}
  `);

/**
 * Writes down a refresh token before it is handed out. False when the user was
 * deactivated or changed the password since the password was checked.
 */
export async function insertRefreshToken(
  tx: TenantTransaction,
  { id, family, user, lifetime }: { id: string; family: string; user: Credentials; lifetime: number },
): Promise<boolean> {
  const { rowCount } = await tx.query(sql.type(z.object({}))`
    insert into refresh_tokens (id, user_id, family, expires_at)
    select ${id}::uuid, u.id, ${family}::uuid, now() + make_interval(secs => ${lifetime})
    from users as u
    where u.id = ${user.id}
      and u.is_active
      and u.token_version = ${user.token_version}
  `);
  return rowCount === 1;
}

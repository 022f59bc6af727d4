import { createHash } from 'node:crypto';
import { z } from 'zod';

import type { EntryStatement } from '../../../db/driver/entry.ts';
import { ApiError } from '../../../errors.ts';
import type { AccessClaims, Caller, CallerRights } from '../../../http/state.ts';
import { TokenNotValid } from '../../../http/token-not-valid.ts';

const flags = { is_active: z.boolean(), is_staff: z.boolean(), is_superuser: z.boolean() };
const standing = z.object({ ...flags, token_version: z.number(), logged_in: z.boolean() });

const rightsOf = (user: Readonly<{ is_staff: boolean; is_superuser: boolean }>): CallerRights => ({
  isStaff: user.is_staff,
  isSuperuser: user.is_superuser,
  permissions: new Set(),
});

/**
 * Checks, together with the transaction's entry, that the token's user exists, is active, has the
 * same password as when the token was issued, and has not ended the session. Calls `found` with
 * the user's rights.
 */
export function userGuard(claims: AccessClaims, found: (rights: CallerRights) => void): EntryStatement {
  return {
    text: `
      select
        u.is_active,
        u.is_staff,
        u.is_superuser,
        u.token_version,
        exists (
          select
          from sessions as s
          where s.family = $2::uuid
            and s.user_id = u.id
            and s.expires_at > now()
        ) as logged_in
      from users as u
      where u.id = $1::bigint
    `,
    values: [claims.userId, claims.family],
    verify: ([row]) => {
      if (!row) {
        throw new ApiError('user_not_found', 'User not found');
      }
      const user = standing.parse(row);
      if (!user.is_active) {
        throw new ApiError('user_inactive', 'User is inactive');
      }
      if (user.token_version !== claims.version) {
        throw new ApiError('password_changed', "The user's password has been changed.");
      }
      if (!user.logged_in) {
        throw new TokenNotValid('Token is blacklisted');
      }
      found(rightsOf(user));
    },
  };
}

/** Returns the stored hash of a key. The table does not contain usable keys. */
export const hashKey = (key: string): Buffer => createHash('sha256').update(key).digest();

const holder = z.object({ ...flags, user_id: z.coerce.string(), family: z.string() });

/** Looks up the user of a key, together with the transaction's entry. Calls `found` with the user. */
export function keyGuard(key: string, found: (caller: Caller) => void): EntryStatement {
  return {
    text: `
      select s.user_id, s.family, u.is_active, u.is_staff, u.is_superuser
      from sessions as s
      join users as u on u.id = s.user_id
      where s.key_hash = decode($1, 'hex')
    `,
    values: [hashKey(key).toString('hex')],
    verify: ([row]) => {
      if (!row) {
        throw new ApiError('authentication_failed', 'Invalid token.');
      }
      const { user_id: userId, family, ...user } = holder.parse(row);
      if (!user.is_active) {
        throw new ApiError('authentication_failed', 'User inactive or deleted.');
      }
      found({ userId, family, actor: null, rights: rightsOf(user) });
    },
  };
}

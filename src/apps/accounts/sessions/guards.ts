import { createHash } from 'node:crypto';
import { z } from 'zod';

import type { EntryStatement } from '../../../db/driver/entry.ts';
import { ApiError } from '../../../errors.ts';
import type { AccessClaims, Caller, CallerRights } from '../../../http/state.ts';
import { TokenNotValid } from '../../../http/token-not-valid.ts';

const flags = { is_staff: z.boolean(), is_superuser: z.boolean(), permissions: z.array(z.string()) };
const rights = z.object(flags);

const NONE: ReadonlySet<string> = new Set();

const rightsOf = (user: z.output<typeof rights>): CallerRights => ({
  isStaff: user.is_staff,
  isSuperuser: user.is_superuser,
  permissions: user.permissions.length === 0 ? NONE : new Set(user.permissions),
});

/** The errors of the user guard, by the code that its statement raises. */
const REJECTIONS: Readonly<Record<string, () => ApiError>> = {
  user_not_found: () => new ApiError('user_not_found', 'User not found'),
  user_inactive: () => new ApiError('user_inactive', 'User is inactive'),
  password_changed: () => new ApiError('password_changed', "The user's password has been changed."),
};

/**
 * Checks, together with the transaction's entry, that the token's user exists, is active, has the
 * same password as when the token was issued, and has not ended the session. PostgreSQL itself raises
 * the error, so that the guard also protects a single statement. Calls `found` with the user's rights.
 */
export function userGuard(claims: AccessClaims, found: (rights: CallerRights) => void): EntryStatement {
  return {
    // The join returns one row in every case.
    text: `
      select
        u.is_staff,
        u.is_superuser,
        u.permissions,
        tenancy.require(
          u.is_active
          and u.token_version = $3::integer
          and exists (
            select
            from sessions as s
            where s.family = $2::uuid
              and s.user_id = u.id
              and s.expires_at > now()
          ),
          case
            when u.id is null then 'user_not_found'
            when not u.is_active then 'user_inactive'
            when u.token_version <> $3::integer then 'password_changed'
            else 'session_ended'
          end
        )
      from (values (true)) as one (is_one)
      left join users as u on u.id = $1::bigint
    `,
    values: [claims.userId, claims.family, claims.version],
    raises: true,
    rejection: (code) =>
      Object.hasOwn(REJECTIONS, code)
        ? (REJECTIONS[code]?.() as ApiError)
        : new TokenNotValid('Token is blacklisted'),
    verify: ([row]) => found(rightsOf(rights.parse(row))),
  };
}

/** Returns the stored hash of a key. The table does not contain usable keys. */
export const hashKey = (key: string): Buffer => createHash('sha256').update(key).digest();

const holder = z.object({ ...flags, is_active: z.boolean(), user_id: z.coerce.string(), family: z.string() });

/** Looks up the user of a key, together with the transaction's entry. Calls `found` with the user. */
export function keyGuard(key: string, found: (caller: Caller) => void): EntryStatement {
  return {
    text: `
      select s.user_id, s.family, u.is_active, u.is_staff, u.is_superuser, u.permissions
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

/** The user of a browser's refresh token, and the operator who acts for the user. */
export type BrowserClaims = Readonly<{ jti: string; version: number; actor: string | null }>;

const browserUser = z.object({ ...flags, user_id: z.coerce.string(), family: z.string() });

/** Looks up the user of a browser's refresh token, together with the transaction's entry. The token is not exchanged. */
export function browserGuard(
  { jti, version, actor }: BrowserClaims,
  found: (caller: Caller) => void,
): EntryStatement {
  return {
    text: `
      select s.user_id, s.family, u.is_staff, u.is_superuser, u.permissions
      from refresh_tokens as r
      join sessions as s on s.family = r.family
      join users as u on u.id = s.user_id
      where r.id = $1::uuid
        and r.rotated_at is null
        and r.expires_at > now()
        and s.expires_at > now()
        and u.is_active
        and u.token_version = $2::integer
    `,
    values: [jti, version],
    verify: ([row]) => {
      if (!row) {
        throw new TokenNotValid('Token is blacklisted');
      }
      const { user_id: userId, family, ...user } = browserUser.parse(row);
      found({ userId, family, actor, rights: rightsOf(user) });
    },
  };
}

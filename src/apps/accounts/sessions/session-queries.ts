import { sql } from 'slonik';
import { z } from 'zod';

import type { TenantTransaction } from '../../../tenancy/context/with-tenant.ts';

const nothing = z.object({});
/** Maximum hours that an operator may act for a user, however often the session is refreshed. */
const ACTOR_HOURS = 1;

/**
 * Stores a session before its tokens are issued. Returns false when the user was deactivated, or
 * has another password than the one that was checked. The user is locked, because a concurrent
 * password change ends only sessions that it sees.
 *
 * `lifetime` is in seconds. Null for a key, which does not expire.
 */
export async function insertSession(
  tx: TenantTransaction,
  {
    user,
    family,
    keyHash = null,
    userAgent,
    actor = null,
    lifetime,
  }: {
    user: Readonly<{ id: number; token_version: number }>;
    family: string;
    keyHash?: Buffer | null;
    userAgent: string;
    actor?: string | null;
    lifetime: number | null;
  },
): Promise<boolean> {
  const { rowCount } = await tx.query(sql.type(nothing)`
    with ended as (
      delete from sessions
      where user_id = ${user.id}
        and expires_at <= now()
    )
    insert into sessions (user_id, family, key_hash, user_agent, actor, expires_at)
    select
      u.id,
      ${family}::uuid,
      decode(${keyHash?.toString('hex') ?? null}::text, 'hex'),
      ${userAgent},
      ${actor},
      case
        when ${actor}::text is not null then now() + make_interval(hours => ${ACTOR_HOURS})
        else coalesce(now() + make_interval(secs => ${lifetime}::double precision), 'infinity')
      end
    from users as u
    where u.id = ${user.id}
      and u.is_active
      and u.token_version = ${user.token_version}
    for share of u
  `);
  return rowCount === 1;
}

/** Records that a session was used now. */
export async function touchSession(tx: TenantTransaction, family: string): Promise<void> {
  await tx.query(sql.type(nothing)`
    update sessions
    set last_used_at = now()
    where family = ${family}::uuid
  `);
}

/** A session as its user sees it. */
export const session = z
  .object({
    id: z.number(),
    user_agent: z.string(),
    created_at: z.date(),
    last_used_at: z.date(),
    actor: z.string().nullable(),
    current: z.boolean(),
  })
  .strict()
  .meta({ id: 'Session' });

export type Session = Readonly<z.infer<typeof session>>;

/** Returns the user's sessions, including that of the request. */
export const listSessions = (
  tx: TenantTransaction,
  { userId, family }: { userId: string; family: string },
): Promise<readonly Session[]> =>
  tx.any(sql.type(session)`
    select id, user_agent, created_at, last_used_at, actor, family = ${family}::uuid as current
    from sessions
    where user_id = ${userId}::bigint
      and expires_at > now()
    order by last_used_at desc, id desc
  `);

/** Ends one of a user's own sessions. Returns whether it existed. */
export async function deleteSession(tx: TenantTransaction, userId: string, id: string): Promise<boolean> {
  const { rowCount } = await tx.query(sql.type(nothing)`
    delete from sessions
    where id = ${id}::bigint
      and user_id = ${userId}::bigint
  `);
  return rowCount === 1;
}

export async function deleteFamily(tx: TenantTransaction, family: string): Promise<void> {
  await tx.query(sql.type(nothing)`
    delete from sessions
    where family = ${family}::uuid
  `);
}

/** Ends all sessions of a user. Without `keys`, the keys of /token/login/ remain valid. */
export async function deleteSessions(
  tx: TenantTransaction,
  userId: number | string,
  { keys }: { keys: boolean },
): Promise<void> {
  await tx.query(sql.type(nothing)`
    delete from sessions
    where user_id = ${String(userId)}::bigint
      and (${keys} or key_hash is null)
  `);
}

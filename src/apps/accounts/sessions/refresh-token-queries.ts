import { sql } from 'slonik';
import { z } from 'zod';

import type { TenantTransaction } from '../../../tenancy/context/with-tenant.ts';

const nothing = z.object({});
/** Seconds since 1970. */
const times = z.object({ issued: z.number(), expires: z.number() }).strict();
export type Times = Readonly<z.infer<typeof times>>;

/**
 * Stores a refresh token of a session, and returns its times. It never outlives an operator's
 * session. A user's own session lasts as long as its last token.
 */
export const insertRefreshToken = (
  tx: TenantTransaction,
  { id, family, lifetime }: { id: string; family: string; lifetime: number },
): Promise<Times> =>
  tx.one(sql.type(times)`
    with prolonged as (
      update sessions
      set
        last_used_at = now(),
        expires_at = case
          when actor is null then greatest(expires_at, now() + make_interval(secs => ${lifetime}))
          else expires_at
        end
      where family = ${family}::uuid
      returning expires_at
    ),
    ended as (
      delete from refresh_tokens
      where family = ${family}::uuid
        and expires_at <= now()
    )
    insert into refresh_tokens (id, family, expires_at)
    select ${id}::uuid, ${family}::uuid, least(p.expires_at, now() + make_interval(secs => ${lifetime}))
    from prolonged as p
    returning
      floor(extract(epoch from issued_at))::bigint as issued,
      floor(extract(epoch from expires_at))::bigint as expires
  `);

const held = z
  .object({
    family: z.string(),
    rotated: z.boolean(),
    fresh: z.boolean(),
    successor: z.string().nullable(),
    session: z.number(),
    actor: z.string().nullable(),
    user_id: z.number(),
    is_active: z.boolean(),
    token_version: z.number(),
  })
  .strict();

export type LockedRefreshToken = Readonly<z.infer<typeof held>>;

/** Seconds in which a second browser tab may send a token that was just exchanged. */
const GRACE = 10;

/**
 * Returns a refresh token with its session and user, locked until the transaction ends: of several
 * concurrent requests with one token, the second sees the changes of the first. Locks the session
 * first, like every statement that ends a session, to avoid deadlocks. Returns null when the token
 * was never issued, or its session has ended.
 */
export const lockRefreshToken = (tx: TenantTransaction, id: string): Promise<LockedRefreshToken | null> =>
  tx.maybeOne(sql.type(held)`
    select
      r.family,
      r.rotated_at is not null as rotated,
      coalesce(r.rotated_at > clock_timestamp() - make_interval(secs => ${GRACE}), false) as fresh,
      r.successor,
      s.id as session,
      s.actor,
      u.id as user_id,
      u.is_active,
      u.token_version
    from refresh_tokens as r
    join sessions as s on s.family = r.family
    join users as u on u.id = s.user_id
    where r.id = ${id}::uuid
    for update of s, r
  `);

/** Returns the times of an unused refresh token, or null. */
export const findUnused = (tx: TenantTransaction, id: string): Promise<Times | null> =>
  tx.maybeOne(sql.type(times)`
    select
      floor(extract(epoch from issued_at))::bigint as issued,
      floor(extract(epoch from expires_at))::bigint as expires
    from refresh_tokens
    where id = ${id}::uuid
      and rotated_at is null
  `);

/** Records that a refresh token was replaced by another one. */
export async function rotate(tx: TenantTransaction, id: string, successor: string): Promise<void> {
  await tx.query(sql.type(nothing)`
    update refresh_tokens
    set
      rotated_at = now(),
      successor = ${successor}::uuid
    where id = ${id}::uuid
  `);
}

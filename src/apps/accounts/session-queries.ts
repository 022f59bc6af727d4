import { sql } from 'slonik';
import { z } from 'zod';

import type { TenantTransaction } from '../../tenancy/with-tenant.ts';

const nothing = z.object({});
/** Seconds since 1970. */
const times = z.object({ issued: z.number(), expires: z.number() }).strict();
export type Times = Readonly<z.infer<typeof times>>;

/** Hours that an operator may act for a user, however often the session is refreshed. */
const ACTOR_HOURS = 1;

/**
 * Writes a session down before anything of it is handed out. False when the user
 * was deactivated, or has another password than the one that was checked; the
 * user is held, because one that is being saved ends only the sessions it sees.
 *
 * `lifetime` is in seconds; null for a key, which has no end.
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

/**
 * Writes a refresh token of a session down, and answers its times. It never
 * outlives an operator's session; its owner's lives as long as its last token.
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

export type Held = Readonly<z.infer<typeof held>>;

/** Seconds within which a second tab may come with the token that the first has just exchanged. */
const GRACE = 10;

/**
 * A refresh token with its session and user, held until the transaction ends:
 * of many who come with the same one, the second sees what the first has done.
 * The session first, as everything that ends one takes it: the other way round
 * two of them wait for each other. Null when it was never handed out, or its session has ended.
 */
export const holdRefreshToken = (tx: TenantTransaction, id: string): Promise<Held | null> =>
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

export async function touchSession(tx: TenantTransaction, family: string): Promise<void> {
  await tx.query(sql.type(nothing)`
    update sessions
    set last_used_at = now()
    where family = ${family}::uuid
  `);
}

/** The times of a refresh token that nobody has used yet, or null. */
export const findUnused = (tx: TenantTransaction, id: string): Promise<Times | null> =>
  tx.maybeOne(sql.type(times)`
    select
      floor(extract(epoch from issued_at))::bigint as issued,
      floor(extract(epoch from expires_at))::bigint as expires
    from refresh_tokens
    where id = ${id}::uuid
      and rotated_at is null
  `);

export async function rotate(tx: TenantTransaction, id: string, successor: string): Promise<void> {
  await tx.query(sql.type(nothing)`
    update refresh_tokens
    set
      rotated_at = now(),
      successor = ${successor}::uuid
    where id = ${id}::uuid
  `);
}

const listed = z
  .object({
    id: z.number(),
    user_agent: z.string(),
    created_at: z.date(),
    last_used_at: z.date(),
    actor: z.string().nullable(),
    current: z.boolean(),
  })
  .strict();

export type Session = Readonly<z.infer<typeof listed>>;

/** Where a user is logged in, the session that asks among them. */
export const listSessions = (
  tx: TenantTransaction,
  { userId, family }: { userId: string; family: string },
): Promise<readonly Session[]> =>
  tx.any(sql.type(listed)`
    select id, user_agent, created_at, last_used_at, actor, family = ${family}::uuid as current
    from sessions
    where user_id = ${userId}::bigint
      and expires_at > now()
    order by last_used_at desc, id desc
  `);

/** Ends one of a user's own sessions. Whether there was one. */
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

/** Ends all sessions of a user; without `keys`, the keys of /token/login/ stay good. */
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

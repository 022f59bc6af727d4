import { sql } from 'slonik';
import { z } from 'zod';

import type { TenantTransaction } from '../../../tenancy/context/with-tenant.ts';

export const account = z
  .object({
    id: z.number(),
    username: z.string(),
    email: z.string(),
    first_name: z.string(),
    last_name: z.string(),
    password: z.string(),
    is_active: z.boolean(),
    is_staff: z.boolean(),
    is_superuser: z.boolean(),
    awaits_activation: z.boolean(),
    token_version: z.number(),
    /** As text: with microseconds, and independent of the session's time zone. */
    last_login: z.string().nullable(),
  })
  .strict();

/** One user with all columns. Responses contain only what `present` returns. */
export type Account = z.infer<typeof account>;
export type LoginField = 'username' | 'email';

/** Columns of `account`. */
export const ACCOUNT_COLUMNS = sql.fragment`
  id,
  username,
  email,
  first_name,
  last_name,
  password,
  is_active,
  is_staff,
  is_superuser,
  awaits_activation,
  token_version,
  extract(epoch from last_login)::text as last_login
`;

export const findAccount = (tx: TenantTransaction, id: string): Promise<Account | null> =>
  tx.maybeOne(sql.type(account)`
    select ${ACCOUNT_COLUMNS}
    from users
    where id = ${id}::bigint
  `);

/**
 * Returns a user, locked until the transaction ends: of two concurrent requests, the second sees
 * the changes of the first.
 */
export const lockAccount = (tx: TenantTransaction, id: string): Promise<Account | null> =>
  tx.maybeOne(sql.type(account)`
    select ${ACCOUNT_COLUMNS}
    from users
    where id = ${id}::bigint
    for update
  `);

/** Finds a user by username or address, ignoring case. */
export const findAccountBy = (
  tx: TenantTransaction,
  field: LoginField,
  value: string,
): Promise<Account | null> =>
  field === 'username'
    ? tx.maybeOne(sql.type(account)`
        select ${ACCOUNT_COLUMNS}
        from users
        where lower(username) = lower(${value})
      `)
    : tx.maybeOne(sql.type(account)`
        select ${ACCOUNT_COLUMNS}
        from users
        where lower(email) = lower(${value})
          and email <> ''
      `);

/** Returns a login name as the database compares it. The case rules of JavaScript differ from PostgreSQL's. */
export const foldLoginName = (tx: TenantTransaction, value: string): Promise<string> =>
  tx.oneFirst(sql.type(z.object({ folded: z.string() }))`
    select lower(${value}) as folded
  `);

const listed = z.object({ id: z.number(), username: z.string(), email: z.string() }).strict();

/** Returns all users, or a page of them. */
export const listAccounts = (
  tx: TenantTransaction,
  window: { limit: number; offset: number } | null,
): Promise<ReadonlyArray<z.infer<typeof listed>>> =>
  tx.any(sql.type(listed)`
    select id, username, email
    from users
    order by id
    limit ${window?.limit ?? null}::bigint
    offset ${window?.offset ?? 0}::bigint
  `);

export const countAccounts = (tx: TenantTransaction): Promise<number> =>
  tx.oneFirst(sql.type(z.object({ count: z.number() }))`
    select count(*) as count
    from users
  `);

const taken = z.object({ username: z.boolean(), email: z.boolean() }).strict();

/** Returns which of the two names another user has. An empty address is never taken. */
export const findTaken = (
  tx: TenantTransaction,
  { username, email, except }: { username: string; email: string; except: number | null },
): Promise<z.infer<typeof taken>> =>
  tx.one(sql.type(taken)`
    select
      exists (
        select
        from users
        where lower(username) = lower(${username})
          and id is distinct from ${except}::bigint
      ) as username,
      exists (
        select
        from users
        where lower(email) = lower(${email})
          and email <> ''
          and id is distinct from ${except}::bigint
      ) as email
  `);

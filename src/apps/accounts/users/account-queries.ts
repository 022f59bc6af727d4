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
    /** As text: to the microsecond, and in no session's time zone. */
    last_login: z.string().nullable(),
  })
  .strict();

/** One user, whole. Never leaves as it is: `present` says what is told of it. */
export type Account = z.infer<typeof account>;
export type LoginField = 'username' | 'email';

/** What `account` is read of. */
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

/** Held until the transaction ends: of two who come at once, the second sees what the first has done. */
export const holdAccount = (tx: TenantTransaction, id: string): Promise<Account | null> =>
  tx.maybeOne(sql.type(account)`
    select ${ACCOUNT_COLUMNS}
    from users
    where id = ${id}::bigint
    for update
  `);

/** Ann and ann are one name, and so are their addresses. */
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

/**
 * Returns a login name as the database compares it. JavaScript's rules of upper and
 * lower case differ from PostgreSQL's.
 */
export const foldLoginName = (tx: TenantTransaction, value: string): Promise<string> =>
  tx.oneFirst(sql.type(z.object({ folded: z.string() }))`
    select lower(${value}) as folded
  `);

const listed = z.object({ id: z.number(), username: z.string(), email: z.string() }).strict();

/** All of them, or a window. */
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

/** Which of the two somebody else has. An empty address is nobody's. */
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

import { type CommonQueryMethods, sql } from 'slonik';
import { z } from 'zod';

import type { TenantTransaction } from '../../tenancy/with-tenant.ts';

const account = z
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

const COLUMNS = sql.fragment`
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
    select ${COLUMNS}
    from users
    where id = ${id}::bigint
  `);

/** Held until the transaction ends: of two who come at once, the second sees what the first has done. */
export const holdAccount = (tx: TenantTransaction, id: string): Promise<Account | null> =>
  tx.maybeOne(sql.type(account)`
    select ${COLUMNS}
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
        select ${COLUMNS}
        from users
        where lower(username) = lower(${value})
      `)
    : tx.maybeOne(sql.type(account)`
        select ${COLUMNS}
        from users
        where lower(email) = lower(${value})
          and email <> ''
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

export const insertAccount = (
  tx: TenantTransaction,
  {
    username,
    email,
    password,
    awaitsActivation,
  }: { username: string; email: string; password: string; awaitsActivation: boolean },
): Promise<Account> =>
  tx.one(sql.type(account)`
    insert into users (username, email, password, is_active, awaits_activation)
    values (${username}, ${email}, ${password}, ${!awaitsActivation}, ${awaitsActivation})
    returning ${COLUMNS}
  `);

/**
 * Changes names; an address that has to be proven makes the user inactive until
 * it is. Whom staff has deactivated has nothing to prove: a link would undo it.
 */
export const updateNames = (
  tx: TenantTransaction,
  id: number,
  { username, email, awaitsActivation }: { username: string; email: string; awaitsActivation: boolean },
): Promise<Account | null> =>
  tx.maybeOne(sql.type(account)`
    update users
    set
      username = ${username},
      email = ${email},
      is_active = is_active and not ${awaitsActivation},
      awaits_activation = awaits_activation or (is_active and ${awaitsActivation})
    where id = ${id}
    returning ${COLUMNS}
  `);

async function changed(
  tx: Pick<CommonQueryMethods, 'query'>,
  query: Parameters<typeof tx.query>[0],
): Promise<boolean> {
  const { rowCount } = await tx.query(query);
  return rowCount === 1;
}

const nothing = z.object({});

/** Only who still awaits it: a user that staff has deactivated meanwhile stays so. */
export const activate = (tx: TenantTransaction, id: number): Promise<boolean> =>
  changed(
    tx,
    sql.type(nothing)`
      update users
      set
        is_active = true,
        awaits_activation = false
      where id = ${id}
        and awaits_activation
        and not is_active
    `,
  );

/**
 * A new password, which ends every token of before. False when the password or
 * the user is another than the one that `version` was read of.
 */
export const replacePassword = (
  tx: TenantTransaction,
  { id, version, password }: { id: number; version: number; password: string },
): Promise<boolean> =>
  changed(
    tx,
    sql.type(nothing)`
      update users
      set
        password = ${password},
        token_version = token_version + 1
      where id = ${id}
        and token_version = ${version}
    `,
  );

/** The same password, hashed as today's are. */
export const rehashPassword = (
  tx: TenantTransaction,
  { id, from, to }: { id: number; from: string; to: string },
): Promise<boolean> =>
  changed(
    tx,
    sql.type(nothing)`
      update users
      set password = ${to}
      where id = ${id}
        and password = ${from}
    `,
  );

export const touchLastLogin = (tx: TenantTransaction, id: number): Promise<boolean> =>
  changed(
    tx,
    sql.type(nothing)`
      update users
      set last_login = now()
      where id = ${id}
    `,
  );

export const deleteAccount = (tx: TenantTransaction, id: number): Promise<boolean> =>
  changed(
    tx,
    sql.type(nothing)`
      delete from users
      where id = ${id}
    `,
  );

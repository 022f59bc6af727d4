import { type CommonQueryMethods, sql } from 'slonik';
import { z } from 'zod';

import type { TenantTransaction } from '../../../tenancy/context/with-tenant.ts';
import { ACCOUNT_COLUMNS, type Account, account } from './account-queries.ts';

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
    returning ${ACCOUNT_COLUMNS}
  `);

/**
 * Changes names. An address that needs activation makes the user inactive until then. A user that
 * staff has deactivated does not await activation: a link would reverse it.
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
    returning ${ACCOUNT_COLUMNS}
  `);

async function changed(
  tx: Pick<CommonQueryMethods, 'query'>,
  query: Parameters<typeof tx.query>[0],
): Promise<boolean> {
  const { rowCount } = await tx.query(query);
  return rowCount === 1;
}

const nothing = z.object({});

/** Activates a user that awaits activation. A user that staff has deactivated meanwhile stays inactive. */
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
 * Replaces the password, which invalidates every earlier token. Returns false when the password or
 * the user differs from `version`.
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

/** Stores the same password with the current hash parameters. */
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

import { sql } from 'slonik';
import { z } from 'zod';

import type { MailCounts, MemberService } from '../../../definition/owners.ts';
import { ApiError } from '../../../errors.ts';
import { enterTenant } from '../../../http/enter-tenant.ts';
import { orNotFound } from '../../../http/identifier.ts';
import { columnsOf } from '../../../http/lists/list.ts';
import { searchFor } from '../../../http/lists/search.ts';
import type { TenantDatabase, TenantTransaction } from '../../../tenancy/context/with-tenant.ts';
import type { ResolvedTenant } from '../../../tenancy/registry/tenant.ts';
import { enqueueMail, FAILED_MAIL_WORK, MAIL_WORK, retryFailedMail } from '../mail/outbox-queries.ts';
import { type Account, findAccount } from '../users/account-queries.ts';
import { member } from './member.ts';

const columns = columnsOf(member.row);

const mailCounts = z
  .object({
    waiting: z.number(),
    failed: z.number(),
    oldest_at: z.date().nullable(),
    next_at: z.date().nullable(),
    last_error: z.string().nullable(),
  })
  .strict();

/**
 * Returns the account.
 *
 * @throws ApiError `conflict` if its user cannot use a link
 */
function resettable(account: Account): Account {
  if (!account.is_active || account.email === '' || account.password.startsWith('!')) {
    throw new ApiError(
      'conflict',
      'No link is sent to a user who is inactive, has no e-mail address, or cannot log in with a password.',
    );
  }
  return account;
}

const countOf = (tx: TenantTransaction, where: ReturnType<typeof searchFor>): Promise<number> =>
  tx.oneFirst(sql.type(z.object({ count: z.number() }))`
    select count(*) as count
    from users
    where ${where}
  `);

const countMail = (tx: TenantTransaction): Promise<MailCounts> =>
  tx.one(sql.type(mailCounts)`
    select
      count(*) filter (where dead_at is null) as waiting,
      count(*) filter (where dead_at is not null) as failed,
      min(created_at) as oldest_at,
      min(due_at) filter (where dead_at is null) as next_at,
      (
        select l.last_error
        from outbox as l
        where l.last_error is not null
        order by l.id desc
        limit 1
      ) as last_error
    from outbox
  `);

/** Creates the functions with which operators manage the users and the mail of one tenant, each in a transaction of its own. */
export function createMemberService({
  tenantDatabase,
  wakeMail,
}: Readonly<{ tenantDatabase: TenantDatabase; wakeMail: () => void }>): MemberService {
  const inside = <T>(
    tenant: ResolvedTenant,
    { readOnly }: Readonly<{ readOnly: boolean }>,
    work: (tx: TenantTransaction) => Promise<T>,
  ): Promise<T> => enterTenant(tenantDatabase, { tenant, guards: [] }, { readOnly, whileUnpaid: true }, work);

  return {
    mailWork: { waiting: MAIL_WORK, failed: FAILED_MAIL_WORK },

    listMembers: (tenant, { query, windowOf }) =>
      inside(tenant, { readOnly: true }, async (tx) => {
        const where = searchFor(query, ['username', 'email', 'first_name', 'last_name']);
        const count = await countOf(tx, where);
        const { limit, offset } = windowOf(count);
        const rows = await tx.any(sql.type(member.row)`
          select ${columns}
          from users
          where ${where}
          order by id
          limit ${limit}
          offset ${offset}::bigint
        `);
        return { count, rows };
      }),

    findResettable: (tenant, id) =>
      inside(tenant, { readOnly: true }, async (tx) => {
        const account = await findAccount(tx, id);
        return account && resettable(account);
      }),

    sendPasswordReset: async (tenant, id) => {
      await inside(tenant, { readOnly: false }, async (tx) => {
        const account = orNotFound(await findAccount(tx, id));
        await enqueueMail(tx, 'password_reset', { userId: resettable(account).id });
      });
      wakeMail();
    },

    countMail: (tenant) => inside(tenant, { readOnly: true }, countMail),

    retryMail: async (tenant) => {
      const retried = await inside(tenant, { readOnly: false }, retryFailedMail);
      wakeMail();
      return retried;
    },

    usernameOf: async (tx, userId) => (await findAccount(tx, userId))?.username ?? '',
  };
}

import { sql } from 'slonik';
import { z } from 'zod';

import type { TenantTransaction } from '../../../tenancy/context/with-tenant.ts';

/** The kind of due work of the outbox in the shared list. Its trigger uses the same. */
export const MAIL_WORK = 'mail';

/** The kind that lists the tenants with failed mail, for operators. */
export const FAILED_MAIL_WORK = 'mail_failed';

export const MAIL_KINDS = [
  'activation',
  'resend_activation',
  'confirmation',
  'password_reset',
  'password_changed',
  'username_reset',
  'username_changed',
] as const;
export type MailKind = (typeof MAIL_KINDS)[number];

/** The user of a mail, or only the address that a request named. */
export type Recipient =
  | Readonly<{ userId: number; address?: string }>
  | Readonly<{ userId?: undefined; address: string }>;

const nothing = z.object({});
const row = z
  .object({
    id: z.number(),
    kind: z.enum(MAIL_KINDS),
    user_id: z.number().nullable(),
    address: z.string().nullable(),
    attempts: z.number(),
    age: z.number(),
  })
  .strict();

export type WaitingMail = Readonly<z.infer<typeof row>>;

/** Seconds that a process has for a mail that it took. Afterwards another process may take it. */
const LEASE = 120;
/** Maximum attempts, over about two days. */
const MAX_ATTEMPTS = 12;

/** Adds a mail to the outbox. It is sent after this transaction's commit, or never. */
export async function enqueueMail(
  tx: TenantTransaction,
  kind: MailKind,
  { userId, address }: Recipient,
): Promise<void> {
  await tx.query(sql.type(nothing)`
    insert into outbox (kind, user_id, address)
    values (${kind}, ${userId ?? null}, ${address ?? null})
  `);
}

/** Takes up to `limit` due mails. Two processes never take the same one. */
export const takeDue = (tx: TenantTransaction, limit: number): Promise<readonly WaitingMail[]> =>
  tx.any(sql.type(row)`
    update outbox
    set
      attempts = attempts + 1,
      due_at = now() + make_interval(secs => ${LEASE})
    where id in (
      select id
      from outbox
      where dead_at is null
        and due_at <= now()
      order by due_at
      limit ${limit}
      for update skip locked
    )
    returning id, kind, user_id, address, attempts, extract(epoch from now() - created_at)::double precision as age
  `);

export async function removeMail(tx: TenantTransaction, id: number): Promise<void> {
  await tx.query(sql.type(nothing)`
    delete from outbox
    where id = ${id}
  `);
}

/**
 * Records that a mail could not be sent. It is retried with increasing delays, and dropped after
 * the last attempt, or immediately when `isFinal`.
 */
export async function postpone(
  tx: TenantTransaction,
  { id, attempts }: Pick<WaitingMail, 'id' | 'attempts'>,
  reason: string,
  isFinal = false,
): Promise<boolean> {
  const isDead = isFinal || attempts >= MAX_ATTEMPTS;
  await tx.query(sql.type(nothing)`
    update outbox
    set
      due_at = now() + make_interval(secs => least(15 * power(2, ${attempts}::integer), 21600)),
      dead_at = case when ${isDead} then now() end,
      last_error = ${reason.slice(0, 500)}
    where id = ${id}
  `);
  if (isDead) {
    await markFailedMail(tx);
  }
  return isDead;
}

const marked = z.object({}).loose();

/** Puts the tenant on the list of those with failed mail, or has the list corrected. */
export async function markFailedMail(tx: TenantTransaction): Promise<void> {
  await tx.query(sql.type(marked)`select tenancy.mark_due(${FAILED_MAIL_WORK})`);
}

/** Makes failed mails due again. Returns their number. */
export async function retryFailedMail(tx: TenantTransaction): Promise<number> {
  const { rowCount } = await tx.query(sql.type(nothing)`
    update outbox
    set dead_at = null, attempts = 0, due_at = now()
    where dead_at is not null
  `);
  if (rowCount > 0) {
    await tx.query(sql.type(marked)`select tenancy.mark_due(${MAIL_WORK})`);
    await markFailedMail(tx);
  }
  return rowCount;
}

/** Removes the tenant from the list of those with failed mail if it has none. Otherwise it is checked again in an hour. */
export async function checkFailedMail(tx: TenantTransaction, seen: string): Promise<void> {
  await tx.query(sql.type(marked)`
    with failed as (
      select count(*) as mails
      from outbox
      where dead_at is not null
    )
    select tenancy.reschedule_due(
      ${FAILED_MAIL_WORK},
      ${seen}::timestamptz,
      case when f.mails > 0 then now() + interval '1 hour' end
    )
    from failed as f
  `);
}

const seconds = z.object({ seconds: z.number().nullable() }).strict();

/** Records in `tenancy` when to check the outbox again, or that it is empty. Returns the seconds until then. */
export async function rescheduleOutbox(tx: TenantTransaction, seen: string): Promise<number | null> {
  return tx.oneFirst(sql.type(seconds)`
    with next as (
      select min(due_at) as due_at
      from outbox
      where dead_at is null
    ),
    rescheduled as materialized (
      select n.due_at, tenancy.reschedule_due(${MAIL_WORK}, ${seen}::timestamptz, n.due_at) as rescheduled
      from next as n
    )
    select extract(epoch from s.due_at - now())::double precision as seconds
    from rescheduled as s
  `);
}

import { sql } from 'slonik';
import { z } from 'zod';

import type { Mail, Mailer } from '../../definition/owners.ts';
import { rescheduleDueWork } from '../../tenancy/context/due-work.ts';
import {
  type TenantDatabase,
  type TenantTransaction,
  withTenant,
} from '../../tenancy/context/with-tenant.ts';
import type { DoDueWork } from '../../tenancy/context/work-loop.ts';
import type { AppSecrets } from '../../tenancy/registry/signing-key.ts';
import { confirmationMail, workspacesMail } from './mail.ts';
import { createConfirmation } from './sign-up/links.ts';

/** The kind of due work of this app's mail. The triggers of its tables use the same. */
export const SITE_MAIL = 'site_mail';

/** Mails that are taken at a time. */
const BATCH = 10;
/** Seconds that a process has for the mails that it took. */
const LEASE = 300;
const MAX_ATTEMPTS = 10;

const due = z
  .object({
    source: z.enum(['signups', 'workspace_searches']),
    id: z.string(),
    email: z.string(),
    attempts: z.number(),
    name: z.string().nullable(),
    found: z.array(z.object({ name: z.string(), domain: z.string() })).nullable(),
  })
  .strict();
type Due = Readonly<z.infer<typeof due>>;

/** Takes due mails. Two processes never take the same one. */
const takeDue = (tx: TenantTransaction): Promise<readonly Due[]> =>
  tx.any(sql.type(due)`
    with signup as (
      update signups
      set
        mail_attempts = mail_attempts + 1,
        mail_due_at = now() + make_interval(secs => ${LEASE})
      where id in (
        select id
        from signups
        where mail_due_at <= now()
        order by mail_due_at
        limit ${BATCH}
        for update skip locked
      )
      returning id, email, mail_attempts, name
    ),
    search as (
      update workspace_searches
      set
        mail_attempts = mail_attempts + 1,
        mail_due_at = now() + make_interval(secs => ${LEASE})
      where id in (
        select id
        from workspace_searches
        where mail_due_at <= now()
        order by mail_due_at
        limit ${BATCH}
        for update skip locked
      )
      returning id, email, mail_attempts, found
    )
    select 'signups' as source, id::text, email, mail_attempts as attempts, name, null::jsonb as found
    from signup
    union all
    select 'workspace_searches', id::text, email, mail_attempts, null, found
    from search
  `);

/** Records the result of a mail. A mail that failed is tried again, with growing delays. */
async function settle(tx: TenantTransaction, { source, id, attempts }: Due, isSent: boolean): Promise<void> {
  const isDone = isSent || attempts >= MAX_ATTEMPTS;
  const next = sql.fragment`
    case when ${isDone} then null else now() + make_interval(secs => 30 * power(2, ${attempts}::integer)) end
  `;
  await tx.query(
    source === 'signups'
      ? sql.type(z.object({}))`update signups set mail_due_at = ${next} where id = ${id}::uuid`
      : isDone
        ? sql.type(z.object({}))`delete from workspace_searches where id = ${id}::bigint`
        : sql.type(
            z.object({}),
          )`update workspace_searches set mail_due_at = ${next} where id = ${id}::bigint`,
  );
}

const next = z.object({ due_at: z.date().nullable() }).strict();

const nextDue = (tx: TenantTransaction): Promise<Date | null> =>
  tx.oneFirst(sql.type(next)`
    select least(
      (select min(mail_due_at) from signups),
      (select min(mail_due_at) from workspace_searches)
    ) as due_at
  `);

/** Creates the function that sends the mail of the public site. Links are created here and never stored. */
export function createDelivery({
  tenantDatabase,
  secrets,
  domain,
  mailer,
}: {
  tenantDatabase: TenantDatabase;
  secrets: AppSecrets;
  domain: string;
  /** Null: mail stays due. */
  mailer: () => Mailer | null;
}): DoDueWork {
  const messageOf = (
    { id, email, name, found }: Due,
    keyGeneration: number,
    tenant: string,
    to: Mailer,
  ): Mail => {
    const from = { name: domain, address: to.from };
    return found === null
      ? confirmationMail(email, from, {
          name: name ?? '',
          url: `${to.originOf(domain)}/signup/confirm/${createConfirmation(secrets, { id: tenant as never, keyGeneration }, id)}`,
        })
      : workspacesMail(
          email,
          from,
          found.map((each) => ({ name: each.name, url: `${to.originOf(each.domain)}/` })),
        );
  };

  return async ({ tenant, seen }) => {
    const sender = mailer();
    const { taken, keyGeneration } = await withTenant(
      tenantDatabase,
      { tenant, readOnly: false },
      async (tx) => ({
        keyGeneration: await tx.oneFirst(sql.type(z.object({ key_generation: z.number() }))`
        select key_generation
        from tenancy.my_tenant()
      `),
        taken: sender ? await takeDue(tx) : [],
      }),
    );
    const failures: Error[] = [];
    const results: Array<readonly [Due, boolean]> = [];
    for (const mail of taken) {
      try {
        await sender?.send(messageOf(mail, keyGeneration, tenant, sender));
        results.push([mail, true]);
      } catch (error) {
        failures.push(error instanceof Error ? error : new Error(String(error)));
        results.push([mail, false]);
      }
    }
    await withTenant(tenantDatabase, { tenant, readOnly: false }, async (tx) => {
      for (const [mail, isSent] of results) {
        await settle(tx, mail, isSent);
      }
      await rescheduleDueWork(tx, { kind: SITE_MAIL, seen, nextDue: await nextDue(tx) });
    });
    return { more: taken.length >= BATCH, failures };
  };
}

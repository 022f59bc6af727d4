import { type DatabasePool, sql } from 'slonik';
import { z } from 'zod';

import { deliverMail } from '../apps/accounts/mail/deliver.ts';
import { openFolder, type WrittenMail } from '../apps/accounts/mail/folder-transport.ts';
import { MAIL_WORK } from '../apps/accounts/mail/outbox-queries.ts';
import { openSmtp } from '../apps/accounts/mail/smtp-transport.ts';
import { type MailWorker, startMailWorker } from '../apps/accounts/mail/worker.ts';
import type { Config } from '../config/config.ts';
import type { Homes } from '../tenancy/context/placement.ts';
import type { Gate } from '../tenancy/context/with-tenant.ts';
import { chooseDatabase, MAIN } from '../tenancy/registry/databases.ts';
import type { AppSecrets } from '../tenancy/registry/signing-key.ts';
import { tenantId } from '../tenancy/registry/tenant.ts';

const due = z.object({ tenant: tenantId, seen: z.string() }).strict();
const home = z.object({ tenant: tenantId, database: z.string().nullable() }).strict();

/** Milliseconds after which a mail that another process left behind is found. */
const INTERVAL = 5_000;
/** Tenants of one look. */
const AT_MOST = 100;

type MailLog = Readonly<{
  /** Counted, beside the warning. */
  mailFailed?: () => void;
  warn: (message: string, facts?: Record<string, unknown>) => void;
  mail: (mail: WrittenMail) => void;
}>;

/**
 * Sends what waits in the tenants' outboxes: over SMTP_URL, or into MAIL_DIR.
 * With neither it waits, and a warning says so.
 */
export function openMail(
  config: Config,
  {
    gate,
    secrets,
    homes,
    lookUps,
    log,
  }: {
    gate: Gate;
    secrets: AppSecrets;
    homes: Pick<Homes, 'remember'>;
    /** Of every database, by its name: each knows of its own tenants' mail. */
    lookUps: Readonly<Record<string, Pick<DatabasePool, 'any'>>>;
    log: MailLog;
  },
): MailWorker {
  const transport = config.SMTP_URL
    ? openSmtp(config.SMTP_URL)
    : config.MAIL_DIR
      ? openFolder(config.MAIL_DIR, log.mail)
      : null;
  if (!transport) {
    log.warn('SMTP_URL is not set: mail is written down and waits, for links to activate and to reset too');
    return { wake: () => {}, close: async () => {} };
  }

  /** Main says where a tenant lives: one that is on its way to a database is not there yet. */
  const livingIn = async (database: string, rows: ReadonlyArray<z.infer<typeof due>>) => {
    const homesOf = await chooseDatabase(lookUps, MAIN).any(sql.type(home)`
      select t.id as tenant, tenancy.database_of(t.id) as database
      from unnest(${sql.array(
        rows.map(({ tenant }) => tenant),
        'uuid',
      )}) as t (id)
    `);
    const here = new Set(homesOf.filter((one) => one.database === database).map(({ tenant }) => tenant));
    return rows.filter(({ tenant }) => here.has(tenant));
  };

  const port = config.EMAIL_FRONTEND_PORT ? `:${config.EMAIL_FRONTEND_PORT}` : '';
  const deps = {
    gate,
    secrets,
    defaults: config,
    transport,
    originOf: (domain: string) => `${config.EMAIL_FRONTEND_PROTOCOL}://${domain}${port}`,
    from: config.DEFAULT_FROM_EMAIL ?? `no-reply@${config.BASE_DOMAIN}`,
  };
  const worker = startMailWorker({
    findDue: async () => {
      const found = await Promise.all(
        Object.entries(lookUps).map(async ([database, pool]) => {
          const rows = await pool.any(sql.type(due)`
            select tenant_id as tenant, marked_at::text as seen
            from tenancy.find_due(${MAIL_WORK}, ${AT_MOST})
          `);
          const living = database === MAIN ? rows : await livingIn(database, rows);
          for (const { tenant } of living) {
            homes.remember({ id: tenant, database });
          }
          return living;
        }),
      );
      return found.flat();
    },
    deliver: (one) => deliverMail(deps, one),
    interval: INTERVAL,
    onFailure: (error, tenant) => {
      log.mailFailed?.();
      log.warn('mail could not be sent; it is tried again', {
        tenant,
        reason: error instanceof Error ? error.name : typeof error,
        code: (error as { code?: unknown }).code,
      });
    },
  });
  return {
    wake: worker.wake,
    close: async () => {
      await worker.close();
      await transport.close();
    },
  };
}

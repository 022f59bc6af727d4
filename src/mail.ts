import { type DatabasePool, sql } from 'slonik';
import { z } from 'zod';

import { deliverMail } from './apps/accounts/mail/deliver.ts';
import { openFolder, type WrittenMail } from './apps/accounts/mail/folder-transport.ts';
import { openSmtp } from './apps/accounts/mail/smtp-transport.ts';
import { type MailWorker, startMailWorker } from './apps/accounts/mail/worker.ts';
import type { Config } from './config.ts';
import type { AppSecrets } from './tenancy/signing-key.ts';
import { tenantId } from './tenancy/tenant.ts';
import type { Gate } from './tenancy/with-tenant.ts';

const due = z.object({ tenant: tenantId, seen: z.string() }).strict();

/** Milliseconds after which a mail that another process left behind is found. */
const INTERVAL = 5_000;
/** Tenants of one look. */
const AT_MOST = 100;

type MailLog = Readonly<{
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
    lookUps,
    log,
  }: { gate: Gate; secrets: AppSecrets; lookUps: Pick<DatabasePool, 'any'>; log: MailLog },
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
    findDue: () =>
      lookUps.any(sql.type(due)`
        select tenant_id as tenant, marked_at::text as seen
        from tenancy.mail_due(${AT_MOST})
      `),
    deliver: (one) => deliverMail(deps, one),
    interval: INTERVAL,
    onFailure: (error, tenant) =>
      log.warn('mail could not be sent; it is tried again', {
        tenant,
        reason: error instanceof Error ? error.name : typeof error,
        code: (error as { code?: unknown }).code,
      }),
  });
  return {
    wake: worker.wake,
    close: async () => {
      await worker.close();
      await transport.close();
    },
  };
}

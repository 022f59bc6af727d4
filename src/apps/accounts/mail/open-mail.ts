import type { StartDependencies } from '../../../definition/dependencies.ts';
import type { Mailer } from '../../../definition/owners.ts';
import { withTenant } from '../../../tenancy/context/with-tenant.ts';
import type { environment, settings } from '../settings.ts';
import { deliverMail } from './deliver.ts';
import { openFolder } from './folder-transport.ts';
import { checkFailedMail, FAILED_MAIL_WORK, MAIL_WORK } from './outbox-queries.ts';

/** Sends the mail of all tenants while the service runs. */
export type MailWorker = Readonly<{
  /** Checks the outboxes now. Called after a transaction that added mail. */
  wake: () => void;
  /** Sends mail of other apps. Null without SMTP_URL and MAIL_DIR. */
  mailer: Mailer | null;
  close: () => Promise<void>;
}>;

/**
 * Sends the mail in the tenants' outboxes over SMTP_URL, or writes it into MAIL_DIR. Without
 * either the mail stays in the outbox, and a warning is logged.
 */
export async function openMail({
  tenantDatabase,
  secrets,
  withDefaults,
  environment: config,
  watchDueWork,
  log,
  onWorkFailed,
}: StartDependencies<typeof settings, typeof environment>): Promise<MailWorker> {
  const transport = config.SMTP_URL
    ? // Loaded here, because loading nodemailer takes long.
      (await import('./smtp-transport.ts')).openSmtp(config.SMTP_URL)
    : config.MAIL_DIR
      ? openFolder(config.MAIL_DIR, ({ file, ...mail }) =>
          log.notice(
            'mail',
            { file },
            {
              details: { ...mail, file },
              lines: [
                `mail to ${mail.to}: ${mail.subject} (${file})`,
                ...(mail.link ? [`  ${mail.link}`] : []),
              ],
            },
          ),
        )
      : null;
  if (!transport) {
    log.warn('SMTP_URL is not set: mail stays in the outbox, including activation and reset links');
    return { wake: () => {}, mailer: null, close: async () => {} };
  }

  const port = config.EMAIL_FRONTEND_PORT ? `:${config.EMAIL_FRONTEND_PORT}` : '';
  const deps = {
    tenantDatabase,
    secrets,
    withDefaults,
    transport,
    originOf: (domain: string) => `${config.EMAIL_FRONTEND_PROTOCOL}://${domain}${port}`,
    from: config.DEFAULT_FROM_EMAIL ?? `no-reply@${config.BASE_DOMAIN}`,
  };
  const worker = watchDueWork({
    kind: MAIL_WORK,
    work: (one) => deliverMail(deps, one),
    onFailure: (error, tenant) => {
      onWorkFailed(MAIL_WORK);
      log.warn('mail could not be sent; it will be retried', {
        tenant,
        reason: error instanceof Error ? error.name : typeof error,
        code: (error as { code?: unknown }).code,
      });
    },
  });
  const failed = watchDueWork({
    kind: FAILED_MAIL_WORK,
    work: async ({ tenant, seen }) => {
      await withTenant(tenantDatabase, { tenant, readOnly: false }, (tx) => checkFailedMail(tx, seen));
      return { more: false, failures: [] };
    },
    onFailure: (error, tenant) =>
      log.warn('failed mail could not be counted; it will be retried', {
        tenant,
        reason: error instanceof Error ? error.name : typeof error,
        code: (error as { code?: unknown }).code,
      }),
  });
  return {
    wake: worker.wake,
    mailer: { send: transport.send, from: deps.from, originOf: deps.originOf },
    close: async () => {
      await worker.close();
      await failed.close();
      await transport.close();
    },
  };
}

import type { StartDependencies } from '../../definition/dependencies.ts';
import { createDelivery, SITE_MAIL } from './deliver.ts';
import type { environment } from './settings.ts';

/** The background work of the public site: its mail. */
export type SiteService = Readonly<{
  /** Call it when mail may have become due. */
  wakeMail: () => void;
  close: () => Promise<void>;
}>;

export async function start({
  tenantDatabase,
  secrets,
  environment: { SIGNUP, FIND_WORKSPACES, BASE_DOMAIN },
  owners,
  watchDueWork,
  log,
  onWorkFailed,
}: StartDependencies<Record<never, never>, typeof environment>): Promise<SiteService> {
  if (SIGNUP === 'off' && !FIND_WORKSPACES) {
    return { wakeMail: () => {}, close: async () => {} };
  }
  const worker = watchDueWork({
    kind: SITE_MAIL,
    work: createDelivery({
      tenantDatabase,
      secrets,
      domain: BASE_DOMAIN,
      mailer: () => owners()?.mailer ?? null,
    }),
    onFailure: (error, tenant) => {
      onWorkFailed(SITE_MAIL);
      log.warn('mail of the public site could not be sent; it will be retried', {
        tenant,
        reason: error instanceof Error ? error.name : typeof error,
        code: (error as { code?: unknown }).code,
      });
    },
  });
  return { wakeMail: worker.wake, close: worker.close };
}

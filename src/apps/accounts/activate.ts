import { DomainError } from '../../errors.ts';
import type { TenantSettings } from '../../tenancy/tenant-settings.ts';
import { activate } from './account-changes.ts';

import { followLink, type Link } from './links.ts';
import { enqueueMail } from './outbox-queries.ts';
import { type AccountTools, type Asked, write } from './tools.ts';

/**
 * Makes a user active whose address the link in a mail has proven.
 *
 * @throws ValidationFailed on `uid` or `token`; DomainError `permission_denied` when it was followed before
 */
export async function followActivation(
  tools: AccountTools,
  asked: Asked,
  settings: TenantSettings,
  link: Link,
): Promise<void> {
  await write(tools, asked, async (tx) => {
    const account = await followLink(tx, tools, asked, settings, { ...link, purpose: 'activation' });
    if (!(await activate(tx, account.id))) {
      throw new DomainError('permission_denied', 'Stale token for given user.');
    }
    if (settings.SEND_CONFIRMATION_EMAIL) {
      await enqueueMail(tx, 'confirmation', { userId: account.id });
    }
  });
  tools.wakeMail();
}

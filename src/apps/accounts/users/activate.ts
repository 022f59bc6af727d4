import { ApiError } from '../../../errors.ts';
import { type AccountDependencies, type AccountRequest, write } from '../dependencies.ts';
import { followLink, type Link } from '../mail/links.ts';
import { enqueueMail } from '../mail/outbox-queries.ts';
import type { AccountSettings } from '../settings.ts';
import { activate } from './account-changes.ts';

/**
 * Activates the user of the link from a mail, which proves the address.
 *
 * @throws ValidationFailed on `uid` or `token`
 * @throws ApiError `permission_denied` when the link was followed before
 */
export async function followActivation(
  dependencies: AccountDependencies,
  request: AccountRequest,
  settings: AccountSettings,
  link: Link,
): Promise<void> {
  await write(dependencies, request, async (tx) => {
    const account = await followLink(tx, dependencies, request, settings, { ...link, purpose: 'activation' });
    if (!(await activate(tx, account.id))) {
      throw new ApiError('permission_denied', 'Stale token for given user.');
    }
    if (settings.SEND_CONFIRMATION_EMAIL) {
      await enqueueMail(tx, 'confirmation', { userId: account.id });
    }
  });
  dependencies.wakeMail();
}

import { type AccountDependencies, type AccountRequest, read, write } from '../dependencies.ts';
import type { AccountSettings } from '../settings.ts';
import { foldLoginName } from '../users/account-queries.ts';
import { enqueueMail } from './outbox-queries.ts';

/**
 * Requests a mail to an address. Whether an account has the address is checked when the mail is
 * created, outside the request: neither the effect nor the duration of the request depends on it.
 *
 * @throws Unavailable `throttled`
 */
export async function requestLink(
  dependencies: AccountDependencies,
  request: AccountRequest,
  { THROTTLE_RESET: rate }: AccountSettings,
  kind: 'resend_activation' | 'password_reset' | 'username_reset',
  email: string,
): Promise<void> {
  const folded = await read(dependencies, request, (tx) => foldLoginName(tx, email));
  await dependencies.throttle.consume('reset', rate, {
    tenant: request.tenant.id,
    account: `${kind} ${folded}`,
    address: request.address,
  });
  await write(dependencies, request, (tx) => enqueueMail(tx, kind, { address: email }));
  dependencies.wakeMail();
}

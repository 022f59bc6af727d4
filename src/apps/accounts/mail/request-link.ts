import { type AccountDependencies, type AccountRequest, read, write } from '../dependencies.ts';
import type { AccountSettings } from '../settings.ts';
import { foldLoginName } from '../users/account-queries.ts';
import { enqueueMail } from './outbox-queries.ts';

/**
 * Asks for a mail to an address. Whether anybody has it is found out when the
 * mail is made, off the request: here nothing depends on it, neither what is
 * done nor how long it takes.
 *
 * @throws Unavailable `throttled`
 */
export async function requestLink(
  tools: AccountDependencies,
  asked: AccountRequest,
  { THROTTLE_RESET: rate }: AccountSettings,
  kind: 'resend_activation' | 'password_reset' | 'username_reset',
  email: string,
): Promise<void> {
  const folded = await read(tools, asked, (tx) => foldLoginName(tx, email));
  await tools.throttle.spend('reset', rate, {
    tenant: asked.tenant.id,
    account: `${kind} ${folded}`,
    address: asked.address,
  });
  await write(tools, asked, (tx) => enqueueMail(tx, kind, { address: email }));
  tools.wakeMail();
}

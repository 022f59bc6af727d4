import type { Authentication, OpenAuthentication } from '../../../http/authentication.ts';
import type { SettingsOf } from '../../../tenancy/context/settings-of.ts';
import type { AccountSettings } from '../settings.ts';
import { createAuthentication } from './create-authentication.ts';
import { keyGuard, userGuard } from './guards.ts';
import { createImpersonationToken } from './tokens.ts';

/** Creates the authentication of this repository: access tokens, keys, and impersonation by operators. */
export const openAuthentication: OpenAuthentication = async ({
  secrets,
  settingsOf,
}): Promise<Authentication> => ({
  ...createAuthentication({
    secrets,
    settingsOf: settingsOf as SettingsOf<AccountSettings>,
    userGuard,
    keyGuard,
  }),
  issueCredentials: (tenant, { username, actor }) =>
    createImpersonationToken(secrets, tenant, { username, operator: actor }),
});

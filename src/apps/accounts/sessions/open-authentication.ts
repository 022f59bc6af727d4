import { ApiError } from '../../../errors.ts';
import type { Authentication, OpenAuthentication } from '../../../http/authentication.ts';
import { setCaller } from '../../../http/permissions.ts';
import type { SettingsOf } from '../../../tenancy/context/settings-of.ts';
import type { AppSecrets } from '../../../tenancy/registry/signing-key.ts';
import { LOGIN } from '../pages/page-dependencies.ts';
import type { AccountSettings } from '../settings.ts';
import { readRefreshCookie } from './cookies.ts';
import { createAuthentication } from './create-authentication.ts';
import { browserGuard, keyGuard, userGuard } from './guards.ts';
import { createImpersonationToken, readTokenOf } from './tokens.ts';

/** Creates `identifyBrowser`: the session of the cookie that the login page sets. */
const createIdentifyBrowser =
  (
    secrets: AppSecrets,
    settingsOf: SettingsOf<AccountSettings>,
  ): NonNullable<Authentication['identifyBrowser']> =>
  async (ctx) => {
    const token = readRefreshCookie(ctx);
    if (token === undefined) {
      return false;
    }
    const { tenant } = ctx.state;
    const { LEEWAY: leeway } = await settingsOf(tenant);
    try {
      const { jti, ver, act } = readTokenOf('refresh', secrets, tenant, token, leeway);
      const claims = { jti, version: ver, actor: act?.sub ?? null };
      ctx.state.guards.push(browserGuard(claims, (caller) => setCaller(ctx, caller)));
      return true;
    } catch (error) {
      if (error instanceof ApiError && error.status === 401) {
        return false;
      }
      throw error;
    }
  };

/** Creates the authentication of this repository: access tokens, keys, pages, and impersonation by operators. */
export const openAuthentication: OpenAuthentication = async ({
  secrets,
  settingsOf: settingsOfAny,
}): Promise<Authentication> => {
  const settingsOf = settingsOfAny as SettingsOf<AccountSettings>;
  return {
    ...createAuthentication({ secrets, settingsOf, userGuard, keyGuard }),
    identifyBrowser: createIdentifyBrowser(secrets, settingsOf),
    loginPage: async (tenant) => ((await settingsOf(tenant)).ACCOUNT_PAGES ? LOGIN : null),
    issueCredentials: (tenant, { username, actor }) =>
      createImpersonationToken(secrets, tenant, { username, operator: actor }),
  };
};

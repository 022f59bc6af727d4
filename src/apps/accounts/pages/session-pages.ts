import { ApiError, ValidationFailed } from '../../../errors.ts';
import { localPath, seeOther } from '../../../http/html/page-route.ts';
import type { Context } from '../../../http/state.ts';
import { accountRequestOf } from '../account-request.ts';
import { readLogin, readSetPassword } from '../bodies.ts';
import { assertNotImpersonating } from '../impersonation/impersonate.ts';
import { setPassword } from '../passwords/change-password.ts';
import { clearCookies, setCookies } from '../sessions/cookies.ts';
import { logIn } from '../sessions/log-in.ts';
import { logOut } from '../sessions/log-out.ts';
import type { AccountSettings } from '../settings.ts';
import { HOME, LOGIN, type PageDependencies, type PageHandlers } from './page-dependencies.ts';
import { type PageSession, sessionOfPage } from './session-of-page.ts';
import { showHome, showLogin, showPasswordForm } from './session-views.ts';

type Pages = Readonly<Record<string, PageHandlers>>;

/** Creates the pages of login and logout. */
function loginPages(dependencies: PageDependencies): Pages {
  const { forms, secrets, settingsOf } = dependencies;

  const login: PageHandlers = {
    GET: async (ctx) => {
      const settings = await settingsOf(ctx.state.tenant);
      const session = await sessionOfPage(ctx, dependencies, settings);
      if (session) {
        seeOther(ctx, localPath(ctx.query.next, HOME));
      } else {
        showLogin(dependencies, ctx, settings, null);
      }
    },
    POST: async (ctx) => {
      forms.check(ctx);
      const settings = await settingsOf(ctx.state.tenant);
      try {
        const pair = await logIn(dependencies, accountRequestOf(ctx), settings, readLogin(ctx, settings));
        setCookies(ctx, secrets, settings, pair);
        seeOther(ctx, localPath(ctx.query.next, HOME));
      } catch (error) {
        if (!(error instanceof ApiError) || (error.status !== 401 && error.status !== 400)) {
          throw error;
        }
        showLogin(
          dependencies,
          ctx,
          settings,
          error instanceof ValidationFailed
            ? 'Enter your login name and your password.'
            : 'The login name or the password is wrong, or the account is not active.',
        );
      }
    },
  };

  const logout: PageHandlers = {
    GET: async (ctx) => seeOther(ctx, HOME),
    POST: async (ctx) => {
      forms.check(ctx);
      const settings = await settingsOf(ctx.state.tenant);
      const session = await sessionOfPage(ctx, dependencies, settings);
      if (session) {
        await logOut(dependencies, accountRequestOf(ctx), settings, session.token, { everywhere: false });
      }
      clearCookies(ctx);
      seeOther(ctx, `${LOGIN}?notice=logged-out`);
    },
  };

  return { [LOGIN]: login, '/logout': logout };
}

/** Creates the pages of a user who is logged in. */
function ownPages(dependencies: PageDependencies): Pages {
  const { forms, settingsOf } = dependencies;

  /** Calls `show` with the session, or sends the browser to the login page. */
  const signedIn =
    (show: (ctx: Context, settings: AccountSettings, session: PageSession) => Promise<void>) =>
    async (ctx: Context): Promise<void> => {
      const settings = await settingsOf(ctx.state.tenant);
      const session = await sessionOfPage(ctx, dependencies, settings);
      if (session) {
        await show(ctx, settings, session);
      } else {
        seeOther(ctx, `${LOGIN}?next=${encodeURIComponent(ctx.method === 'POST' ? HOME : ctx.path)}`);
      }
    };

  const home: PageHandlers = {
    GET: signedIn(async (ctx, _settings, session) => showHome(dependencies, ctx, session)),
  };

  const password: PageHandlers = {
    GET: signedIn(async (ctx, settings, { account }) =>
      showPasswordForm(dependencies, ctx, settings, account, {}),
    ),
    POST: async (ctx) => {
      forms.check(ctx);
      await signedIn(async (_, settings, { account, actor }) => {
        assertNotImpersonating({ actor });
        try {
          const given = readSetPassword(ctx, settings);
          await setPassword(dependencies, accountRequestOf(ctx), settings, account, given);
        } catch (error) {
          if (!(error instanceof ValidationFailed)) {
            throw error;
          }
          showPasswordForm(dependencies, ctx, settings, account, error.fields);
          return;
        }
        clearCookies(ctx);
        seeOther(ctx, `${LOGIN}?notice=new-password`);
      })(ctx);
    },
  };

  return { [HOME]: home, [`${HOME}/password`]: password };
}

/** Creates the pages of login, and those of a user who is logged in. */
export const sessionPages = (dependencies: PageDependencies): Pages => ({
  ...loginPages(dependencies),
  ...ownPages(dependencies),
});

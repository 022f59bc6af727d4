import { ApiError, type FieldErrors, ValidationFailed } from '../../../errors.ts';
import { badNotice, type FormField, form, goodNotice, sentText } from '../../../http/html/form.ts';
import { html } from '../../../http/html/html.ts';
import { localPath, seeOther } from '../../../http/html/page-route.ts';
import { card, type PageLink, sendPage } from '../../../http/html/send-page.ts';
import type { Context } from '../../../http/state.ts';
import { accountRequestOf } from '../account-request.ts';
import { readLogin, readSetPassword } from '../bodies.ts';
import { assertNotImpersonating } from '../impersonation/impersonate.ts';
import { setPassword } from '../passwords/change-password.ts';
import { clearCookies, setCookies } from '../sessions/cookies.ts';
import { logIn } from '../sessions/log-in.ts';
import { logOut } from '../sessions/log-out.ts';
import type { AccountSettings } from '../settings.ts';
import type { Account } from '../users/account-queries.ts';
import {
  ACTIVATE,
  HOME,
  LOGIN,
  type PageDependencies,
  type PageHandlers,
  RESET,
} from './page-dependencies.ts';
import { type PageSession, sessionOfPage } from './session-of-page.ts';

/** Notices of the login page. The query names one: it contains no text of its own. */
const NOTICES: ReadonlyMap<string, string> = new Map([
  ['activated', 'Your account is active. You can log in now.'],
  ['logged-out', 'You are logged out.'],
  ['new-name', 'Your login name was changed. Log in with the new one.'],
  ['new-password', 'Your password was changed. Log in with the new one.'],
]);

/** Creates the pages of login, and those of a user who is logged in. */
export function sessionPages(dependencies: PageDependencies): Readonly<Record<string, PageHandlers>> {
  const { forms, menu, secrets, settingsOf } = dependencies;
  const linksFor = ({ is_staff: isStaff }: Account): readonly PageLink[] =>
    menu.filter(({ staffOnly = false }) => isStaff || !staffOnly);
  const settingsFor = (ctx: Context): Promise<AccountSettings> => settingsOf(ctx.state.tenant);

  const loginPage = (ctx: Context, settings: AccountSettings, fault: string | null): void => {
    const byEmail = settings.LOGIN_FIELD === 'email';
    const notice = fault === null ? NOTICES.get(String(ctx.query.notice)) : undefined;
    const next = localPath(ctx.query.next, HOME);
    sendPage(ctx, {
      status: fault === null ? 200 : 400,
      title: 'Log in',
      main: card(
        'Log in',
        html`${notice !== undefined && goodNotice(notice)}
${fault !== null && badNotice(fault)}
${form({
  token: forms.field(ctx),
  action: next === HOME ? LOGIN : `${LOGIN}?next=${encodeURIComponent(next)}`,
  button: 'Log in',
  fields: [
    {
      name: settings.LOGIN_FIELD,
      label: byEmail ? 'E-mail address' : 'Username',
      type: byEmail ? 'email' : 'text',
      value: sentText(ctx, settings.LOGIN_FIELD),
      autocomplete: 'username',
    },
    { name: 'password', label: 'Password', type: 'password', autocomplete: 'current-password' },
  ],
})}
<ul class="also">
<li><a href="${RESET}">Forgot your password?</a></li>
${settings.SEND_ACTIVATION_EMAIL && html`<li><a href="${ACTIVATE}">Activation mail not received?</a></li>`}
</ul>`,
      ),
    });
  };

  const login: PageHandlers = {
    GET: async (ctx) => {
      const settings = await settingsFor(ctx);
      const session = await sessionOfPage(ctx, dependencies, settings);
      if (session) {
        seeOther(ctx, localPath(ctx.query.next, HOME));
      } else {
        loginPage(ctx, settings, null);
      }
    },
    POST: async (ctx) => {
      forms.check(ctx);
      const settings = await settingsFor(ctx);
      try {
        const pair = await logIn(dependencies, accountRequestOf(ctx), settings, readLogin(ctx, settings));
        setCookies(ctx, secrets, settings, pair);
        seeOther(ctx, localPath(ctx.query.next, HOME));
      } catch (error) {
        if (!(error instanceof ApiError) || (error.status !== 401 && error.status !== 400)) {
          throw error;
        }
        loginPage(
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
      const settings = await settingsFor(ctx);
      const session = await sessionOfPage(ctx, dependencies, settings);
      if (session) {
        await logOut(dependencies, accountRequestOf(ctx), settings, session.token, { everywhere: false });
      }
      clearCookies(ctx);
      seeOther(ctx, `${LOGIN}?notice=logged-out`);
    },
  };

  /** Calls `show` with the session, or sends the browser to the login page. */
  const signedIn =
    (show: (ctx: Context, settings: AccountSettings, session: PageSession) => Promise<void>) =>
    async (ctx: Context): Promise<void> => {
      const settings = await settingsFor(ctx);
      const session = await sessionOfPage(ctx, dependencies, settings);
      if (session) {
        await show(ctx, settings, session);
      } else {
        seeOther(ctx, `${LOGIN}?next=${encodeURIComponent(ctx.method === 'POST' ? HOME : ctx.path)}`);
      }
    };

  const home: PageHandlers = {
    GET: signedIn(async (ctx, _settings, { account, actor }) => {
      sendPage(ctx, {
        title: 'Your account',
        links: linksFor(account),
        main: card(
          'Your account',
          html`${actor !== null && badNotice(`${actor} acts for this user.`)}
<dl>
<dt>Username</dt><dd>${account.username}</dd>
<dt>E-mail address</dt><dd>${account.email || 'none'}</dd>
</dl>
<form method="post" action="/logout">
${forms.field(ctx)}
<p class="actions"><button type="submit">Log out</button> <a class="button second" href="${HOME}/password">Change password</a></p>
</form>`,
        ),
      });
    }),
  };

  const passwordPage = (
    ctx: Context,
    settings: AccountSettings,
    account: Account,
    errors: FieldErrors,
  ): void =>
    sendPage(ctx, {
      status: Object.keys(errors).length > 0 ? 400 : 200,
      title: 'Change your password',
      links: linksFor(account),
      main: card(
        'Change your password',
        html`<p class="quiet">Afterwards you are logged out on all devices.</p>
${form({
  token: forms.field(ctx),
  errors,
  button: 'Change the password',
  fields: [
    {
      name: 'current_password',
      label: 'Current password',
      type: 'password',
      autocomplete: 'current-password',
    },
    ...newPasswordFields(settings.SET_PASSWORD_RETYPE),
  ],
})}`,
      ),
    });

  const password: PageHandlers = {
    GET: signedIn(async (ctx, settings, { account }) => passwordPage(ctx, settings, account, {})),
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
          passwordPage(ctx, settings, account, error.fields);
          return;
        }
        clearCookies(ctx);
        seeOther(ctx, `${LOGIN}?notice=new-password`);
      })(ctx);
    },
  };

  return { [LOGIN]: login, '/logout': logout, [HOME]: home, [`${HOME}/password`]: password };
}

/** Returns the fields of a new password. */
export const newPasswordFields = (retype: boolean): readonly FormField[] => [
  {
    name: 'new_password',
    label: 'New password',
    type: 'password',
    autocomplete: 'new-password',
    hint: 'At least 8 characters. Longer is better than complicated.',
  },
  ...(retype
    ? ([
        {
          name: 're_new_password',
          label: 'New password, again',
          type: 'password',
          autocomplete: 'new-password',
        },
      ] as const)
    : []),
];

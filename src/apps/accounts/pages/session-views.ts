import type { FieldErrors } from '../../../errors.ts';
import { badNotice, type FormField, form, goodNotice, sentText } from '../../../http/html/form.ts';
import { html } from '../../../http/html/html.ts';
import { localPath } from '../../../http/html/page-route.ts';
import { sendForm } from '../../../http/html/send-form.ts';
import { card, type PageLink, sendPage } from '../../../http/html/send-page.ts';
import type { Context } from '../../../http/state.ts';
import type { AccountSettings } from '../settings.ts';
import type { Account } from '../users/account-queries.ts';
import { ACTIVATE, HOME, LOGIN, type PageDependencies, RESET } from './page-dependencies.ts';
import type { PageSession } from './session-of-page.ts';

/** Notices of the login page. The query names one: it contains no text of its own. */
const NOTICES: ReadonlyMap<string, string> = new Map([
  ['activated', 'Your account is active. You can log in now.'],
  ['logged-out', 'You are logged out.'],
  ['new-name', 'Your login name was changed. Log in with the new one.'],
  ['new-password', 'Your password was changed. Log in with the new one.'],
]);

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

type Forms = Pick<PageDependencies, 'forms'>;

const linksFor = (
  { menu }: Pick<PageDependencies, 'menu'>,
  { is_staff: isStaff }: Account,
): readonly PageLink[] => menu.filter(({ staffOnly = false }) => isStaff || !staffOnly);

/** Sends the login page, with the reason why a login was rejected. */
export function showLogin(
  { forms }: Forms,
  ctx: Context,
  settings: AccountSettings,
  fault: string | null,
): void {
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
}

/** Sends the page of the user's account. */
export function showHome(
  dependencies: PageDependencies,
  ctx: Context,
  { account, actor }: PageSession,
): void {
  sendPage(ctx, {
    title: 'Your account',
    links: linksFor(dependencies, account),
    main: card(
      'Your account',
      html`${actor !== null && badNotice(`${actor} acts for this user.`)}
<dl>
<dt>Username</dt><dd>${account.username}</dd>
<dt>E-mail address</dt><dd>${account.email || 'none'}</dd>
</dl>
<form method="post" action="/logout">
${dependencies.forms.field(ctx)}
<p class="actions"><a class="button" href="${HOME}/password">Change password</a> <button class="second" type="submit">Log out</button></p>
</form>`,
    ),
  });
}

/** Sends the page that changes the user's password. */
export function showPasswordForm(
  dependencies: PageDependencies,
  ctx: Context,
  settings: AccountSettings,
  account: Account,
  errors: FieldErrors,
): void {
  sendForm(ctx, {
    title: 'Change your password',
    text: 'Afterwards you are logged out on all devices.',
    links: linksFor(dependencies, account),
    token: dependencies.forms.field(ctx),
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
  });
}

import { ApiError, type FieldErrors, ValidationFailed } from '../../../errors.ts';
import { type FormField, sentText } from '../../../http/html/form.ts';
import { type Html, html } from '../../../http/html/html.ts';
import { seeOther } from '../../../http/html/page-route.ts';
import { sendForm } from '../../../http/html/send-form.ts';
import { card, sendPage } from '../../../http/html/send-page.ts';
import type { Context, Handler } from '../../../http/state.ts';
import { accountRequestOf } from '../account-request.ts';
import { readLink, readResetLoginName, readResetPassword } from '../bodies.ts';
import { type AccountRequest, read } from '../dependencies.ts';
import type { Purpose } from '../mail/link-token.ts';
import { followLink, type Link } from '../mail/links.ts';
import { resetPassword } from '../passwords/change-password.ts';
import type { AccountSettings } from '../settings.ts';
import { followActivation } from '../users/activate.ts';
import { resetLoginName } from '../users/change-names.ts';
import {
  ACTIVATE,
  LOGIN,
  type PageDependencies,
  type PageHandlers,
  RENAME,
  RESET,
} from './page-dependencies.ts';
import { newPasswordFields } from './session-views.ts';

type LinkPage = Readonly<{
  title: string;
  text: string;
  button: string;
  /** Notice of the login page after the change. */
  notice: string;
  /** Page that sends a new link. */
  again: string;
  fields: (ctx: Context, settings: AccountSettings) => readonly FormField[];
  change: (ctx: Context, request: AccountRequest, settings: AccountSettings) => Promise<void>;
}>;

const invalid = (again: string): Html =>
  card(
    'This link is not valid',
    html`<p>It has expired, or it was used before. Each link works once.</p>
<p class="actions"><a class="button" href="${again}">Request a new link</a> <a class="button second" href="${LOGIN}">Log in</a></p>`,
  );

/** Returns what the page of each kind of link shows and changes. */
function describePages(dependencies: PageDependencies): Readonly<Record<Purpose, LinkPage>> {
  return {
    activation: {
      title: 'Activate your account',
      text: 'Confirm that this e-mail address is yours.',
      button: 'Activate the account',
      notice: 'activated',
      again: ACTIVATE,
      fields: () => [],
      change: (ctx, request, settings) => followActivation(dependencies, request, settings, readLink(ctx)),
    },
    password_reset: {
      title: 'Choose a new password',
      text: 'Afterwards you are logged out on all devices.',
      button: 'Save the password',
      notice: 'new-password',
      again: RESET,
      fields: (_ctx, settings) => newPasswordFields(settings.PASSWORD_RESET_CONFIRM_RETYPE),
      change: async (ctx, request, settings) => {
        const { link, fresh } = readResetPassword(ctx, settings);
        await resetPassword(dependencies, request, settings, link, fresh);
      },
    },
    username_reset: {
      title: 'Choose a new login name',
      text: 'You log in with the new name from then on.',
      button: 'Save the name',
      notice: 'new-name',
      again: RENAME,
      fields: (ctx, { LOGIN_FIELD: field, USERNAME_RESET_CONFIRM_RETYPE: retype }) =>
        [`new_${field}`, ...(retype ? [`re_new_${field}`] : [])].map((name, index) => ({
          name,
          label: `${field === 'email' ? 'New e-mail address' : 'New username'}${index > 0 ? ', again' : ''}`,
          type: field === 'email' ? 'email' : 'text',
          value: sentText(ctx, name),
          autocomplete: index > 0 ? 'off' : 'username',
        })),
      change: async (ctx, request, settings) => {
        const { name, link } = readResetLoginName(ctx, settings);
        await resetLoginName(dependencies, request, settings, link, name);
      },
    },
  };
}

/**
 * Creates the pages that mailed links open. GET changes nothing, because programs that check mail open links. The form of
 * the page makes the change.
 */
export function linkPages(dependencies: PageDependencies): (purpose: Purpose, link: Link) => PageHandlers {
  const { forms, settingsOf } = dependencies;
  const pages = describePages(dependencies);

  return (purpose, link) => {
    const { title, text, button, notice, again, fields, change } = pages[purpose];

    const show = (ctx: Context, settings: AccountSettings, errors: FieldErrors): void =>
      sendForm(ctx, {
        title,
        text,
        token: forms.field(ctx),
        errors,
        button,
        fields: [
          { name: 'uid', label: '', type: 'hidden', value: link.uid },
          { name: 'token', label: '', type: 'hidden', value: link.token },
          ...fields(ctx, settings),
        ],
      });

    /** Responds with a page for an invalid link. Other errors are thrown again. */
    const sendInvalid = (ctx: Context, error: unknown): void => {
      const isStale = error instanceof ApiError && error.code === 'permission_denied';
      const isInvalid = error instanceof ValidationFailed && (error.fields.uid ?? error.fields.token);
      if (!isStale && !isInvalid) {
        throw error;
      }
      sendPage(ctx, { status: 400, title: 'This link is not valid', main: invalid(again) });
    };

    const GET: Handler = async (ctx) => {
      const settings = await settingsOf(ctx.state.tenant);
      const request = accountRequestOf(ctx);
      try {
        await read(dependencies, request, (tx) =>
          followLink(tx, dependencies, request, settings, { ...link, purpose, hold: false }),
        );
        show(ctx, settings, {});
      } catch (error) {
        sendInvalid(ctx, error);
      }
    };

    const POST: Handler = async (ctx) => {
      forms.check(ctx);
      const settings = await settingsOf(ctx.state.tenant);
      try {
        await change(ctx, accountRequestOf(ctx), settings);
        seeOther(ctx, `${LOGIN}?notice=${notice}`);
      } catch (error) {
        if (error instanceof ValidationFailed && !error.fields.uid && !error.fields.token) {
          show(ctx, settings, error.fields);
        } else {
          sendInvalid(ctx, error);
        }
      }
    };

    return { GET, POST };
  };
}

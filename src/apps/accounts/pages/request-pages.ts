import { type FieldErrors, ValidationFailed } from '../../../errors.ts';
import { sentText } from '../../../http/html/form.ts';
import { html } from '../../../http/html/html.ts';
import { sendForm } from '../../../http/html/send-form.ts';
import { card, sendPage } from '../../../http/html/send-page.ts';
import type { Context } from '../../../http/state.ts';
import { accountRequestOf } from '../account-request.ts';
import { readEmail } from '../bodies.ts';
import { requestLink } from '../mail/request-link.ts';
import {
  ACTIVATE,
  LOGIN,
  type PageDependencies,
  type PageHandlers,
  RENAME,
  RESET,
} from './page-dependencies.ts';

type RequestPage = Readonly<{
  kind: 'resend_activation' | 'password_reset' | 'username_reset';
  title: string;
  text: string;
}>;

const PAGES: Readonly<Record<string, RequestPage>> = {
  [RESET]: {
    kind: 'password_reset',
    title: 'Reset your password',
    text: 'Enter the e-mail address of your account. You receive a link to choose a new password.',
  },
  [RENAME]: {
    kind: 'username_reset',
    title: 'Change your login name',
    text: 'Enter the e-mail address of your account. You receive a link to choose a new login name.',
  },
  [ACTIVATE]: {
    kind: 'resend_activation',
    title: 'Activate your account',
    text: 'Enter the e-mail address of your account. You receive the activation link again.',
  },
};

/** Creates the pages that request a mail. Their responses do not depend on whether an account has the address. */
export function requestPages(dependencies: PageDependencies): Readonly<Record<string, PageHandlers>> {
  const { forms, settingsOf } = dependencies;

  const show = (ctx: Context, { title, text }: RequestPage, errors: FieldErrors): void =>
    sendForm(ctx, {
      title,
      text,
      token: forms.field(ctx),
      errors,
      button: 'Send the link',
      fields: [
        {
          name: 'email',
          label: 'E-mail address',
          type: 'email',
          value: sentText(ctx, 'email'),
          autocomplete: 'email',
        },
      ],
      further: html`<ul class="also"><li><a href="${LOGIN}">Back to login</a></li></ul>`,
    });

  const handlersOf = (page: RequestPage): PageHandlers => ({
    GET: async (ctx) => show(ctx, page, {}),
    POST: async (ctx) => {
      forms.check(ctx);
      try {
        const settings = await settingsOf(ctx.state.tenant);
        await requestLink(dependencies, accountRequestOf(ctx), settings, page.kind, readEmail(ctx));
      } catch (error) {
        if (!(error instanceof ValidationFailed)) {
          throw error;
        }
        show(ctx, page, error.fields);
        return;
      }
      sendPage(ctx, {
        title: 'Check your mail',
        main: card(
          'Check your mail',
          html`<p>If an account has this address, a mail with a link is on its way. It may take a few minutes, and it may be in the spam folder.</p>
<p class="actions"><a class="button second" href="${LOGIN}">Back to login</a></p>`,
        ),
      });
    },
  });

  return Object.fromEntries(Object.entries(PAGES).map(([path, page]) => [path, handlersOf(page)]));
}

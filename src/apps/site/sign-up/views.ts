import type { FieldErrors } from '../../../errors.ts';
import { type FormField, form, MAX_TEXT, sentText } from '../../../http/html/form.ts';
import type { FormTokens } from '../../../http/html/form-tokens.ts';
import { type Html, html } from '../../../http/html/html.ts';
import { card, sendPage } from '../../../http/html/send-page.ts';
import type { Context } from '../../../http/state.ts';
import { linksOf } from '../landing.ts';
import type { SignUp } from './queries.ts';
import type { SiteDependencies } from './sign-up.ts';
import { urlOfTenant } from './urls.ts';

/** Seconds after which the browser loads the page again while the worker creates the tenant. */
const REFRESH = 3;

/** Returns the text that a form sent, or that the query of the page has. */
export const givenText = (ctx: Context, name: string): string | undefined => {
  const value = sentText(ctx, name) ?? ctx.query[name];
  return typeof value === 'string' ? value.slice(0, MAX_TEXT) : undefined;
};

/** What the pages of sign-up show. Each function sends a page. */
export type SignUpViews = ReturnType<typeof createSignUpViews>;

/** Creates the functions that send the pages of sign-up. They change nothing. */
export function createSignUpViews(dependencies: SiteDependencies, forms: FormTokens) {
  const { environment } = dependencies;
  const links = linksOf(environment);

  const show = (ctx: Context, title: string, content: Html, status = 200): void =>
    sendPage(ctx, { title, main: card(title, content), status, links });

  const slugOf = (value: string | undefined): FormField => ({
    name: 'slug',
    label: 'Address of the workspace',
    value,
    autocomplete: 'off',
    suffix: `.${environment.BASE_DOMAIN}`,
    hint: 'Letters from a to z, digits and hyphens.',
    maxLength: 40,
  });

  const signUpForm = (ctx: Context, errors: FieldErrors): void => {
    const invitation = givenText(ctx, 'invitation');
    show(
      ctx,
      'Create a workspace',
      environment.SIGNUP === 'invite' && !invitation
        ? html`<p>You need an invitation. Open the link of your invitation.</p>`
        : form({
            token: forms.field(ctx),
            action: '/signup',
            errors,
            button: 'Create the workspace',
            fields: [
              ...(invitation
                ? [{ name: 'invitation', label: '', type: 'hidden', value: invitation } as const]
                : []),
              {
                name: 'name',
                label: 'Name',
                value: givenText(ctx, 'name'),
                autocomplete: 'organization',
                hint: 'Your company or team.',
                maxLength: 255,
              },
              slugOf(givenText(ctx, 'slug')),
              {
                name: 'email',
                label: 'E-mail address',
                type: 'email',
                value: givenText(ctx, 'email'),
                autocomplete: 'email',
              },
              {
                name: 'password',
                label: 'Password',
                type: 'password',
                autocomplete: 'new-password',
                hint: 'At least 8 characters. Longer is better than complicated.',
              },
            ],
          }),
      Object.keys(errors).length > 0 ? 400 : 200,
    );
  };

  /** Shows a sign-up that is confirmed. While the tenant is created, the browser loads the page again. */
  const showState = (ctx: Context, { state, slug, name }: SignUp): void => {
    if (state === 'ready') {
      const url = urlOfTenant(ctx, dependencies, slug);
      show(
        ctx,
        'Your workspace is ready',
        html`<p><strong>${name}</strong> is at <a href="${url}">${slug}.${environment.BASE_DOMAIN}</a>.</p>
<p>Log in with your e-mail address and the password that you chose.</p>
<p class="actions"><a class="button" href="${url}login">Log in</a></p>`,
      );
      return;
    }
    ctx.set('Refresh', String(REFRESH));
    show(
      ctx,
      'Your workspace is being created',
      html`<p role="status">This takes a moment. The page is loaded again every ${REFRESH} seconds.</p>`,
    );
  };

  const confirmForm = (ctx: Context, found: SignUp, errors: FieldErrors): void => {
    const isTaken = found.state === 'taken' || errors.slug !== undefined;
    show(
      ctx,
      isTaken ? 'Choose another address' : 'Confirm your address',
      html`${isTaken ? html`<p>Another workspace has the address ${found.slug}.${environment.BASE_DOMAIN}.</p>` : html`<p>The workspace <strong>${found.name}</strong> is created at ${found.slug}.${environment.BASE_DOMAIN}.</p>`}
${form({
  token: forms.field(ctx),
  errors,
  button: 'Create the workspace',
  fields: [
    { name: 'token', label: '', type: 'hidden', value: ctx.params.token },
    ...(isTaken ? [slugOf(givenText(ctx, 'slug') ?? found.slug)] : []),
  ],
})}`,
      Object.keys(errors).length > 0 ? 400 : 200,
    );
  };

  /** Responds with a page for an invalid link. */
  const showInvalid = (ctx: Context): void =>
    show(
      ctx,
      'This link is not valid',
      html`<p>It has expired. Links are valid for 24 hours.</p>
<p class="actions"><a class="button" href="/signup">Sign up again</a></p>`,
      400,
    );

  const showCheckMail = (ctx: Context): void =>
    show(
      ctx,
      'Check your mail',
      html`<p>A mail with a link is on its way. Follow it within 24 hours to create the workspace.</p>
<p class="quiet">No mail after a few minutes? Look into the spam folder, or <a href="/signup">sign up again</a>.</p>`,
    );

  return { signUpForm, showCheckMail, showState, confirmForm, showInvalid };
}

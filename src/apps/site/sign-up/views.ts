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

/** The dependencies of the pages of sign-up. Each function below sends one page, and changes nothing. */
export type SignUpPages = Readonly<{ dependencies: SiteDependencies; forms: FormTokens }>;

type Environment = SiteDependencies['environment'];

/** Returns the text that a form sent, or that the query of the page has. */
export const givenText = (ctx: Context, name: string): string | undefined => {
  const value = sentText(ctx, name) ?? ctx.query[name];
  return typeof value === 'string' ? value.slice(0, MAX_TEXT) : undefined;
};

const show = (
  { dependencies }: Pick<SignUpPages, 'dependencies'>,
  ctx: Context,
  title: string,
  content: Html,
  status = 200,
): void =>
  sendPage(ctx, { title, main: card(title, content), status, links: linksOf(dependencies.environment) });

const statusOf = (errors: FieldErrors): number => (Object.keys(errors).length > 0 ? 400 : 200);

const slugField = ({ BASE_DOMAIN }: Environment, value: string | undefined): FormField => ({
  name: 'slug',
  label: 'Address of the workspace',
  value,
  autocomplete: 'off',
  suffix: `.${BASE_DOMAIN}`,
  hint: 'Letters from a to z, digits and hyphens.',
  maxLength: 40,
});

/** Returns the fields of the form, with the values that the client gave. */
const signUpFields = (ctx: Context, environment: Environment): readonly FormField[] => {
  const invitation = givenText(ctx, 'invitation');
  return [
    ...(invitation ? [{ name: 'invitation', label: '', type: 'hidden', value: invitation } as const] : []),
    {
      name: 'name',
      label: 'Name',
      value: givenText(ctx, 'name'),
      autocomplete: 'organization',
      hint: 'Your company or team.',
      maxLength: 255,
    },
    slugField(environment, givenText(ctx, 'slug')),
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
  ];
};

export function showSignUpForm(pages: SignUpPages, ctx: Context, errors: FieldErrors): void {
  const { environment } = pages.dependencies;
  show(
    pages,
    ctx,
    'Create a workspace',
    environment.SIGNUP === 'invite' && !givenText(ctx, 'invitation')
      ? html`<p>You need an invitation. Open the link of your invitation.</p>`
      : form({
          token: pages.forms.field(ctx),
          action: '/signup',
          errors,
          button: 'Create the workspace',
          fields: signUpFields(ctx, environment),
        }),
    statusOf(errors),
  );
}

/** Shows a sign-up that is confirmed. While the tenant is created, the browser loads the page again. */
export function showState(pages: SignUpPages, ctx: Context, { state, slug, name }: SignUp): void {
  const { dependencies } = pages;
  if (state === 'ready') {
    const url = urlOfTenant(ctx, dependencies, slug);
    show(
      pages,
      ctx,
      'Your workspace is ready',
      html`<p><strong>${name}</strong> is at <a href="${url}">${slug}.${dependencies.environment.BASE_DOMAIN}</a>.</p>
<p>Log in with your e-mail address and the password that you chose.</p>
<p class="actions"><a class="button" href="${url}login">Log in</a></p>`,
    );
    return;
  }
  ctx.set('Refresh', String(REFRESH));
  show(
    pages,
    ctx,
    'Your workspace is being created',
    html`<p role="status">This takes a moment. The page is loaded again every ${REFRESH} seconds.</p>`,
  );
}

/** Shows the form that confirms the address. If another tenant has the slug, it asks for another one. */
export function showConfirmForm(pages: SignUpPages, ctx: Context, found: SignUp, errors: FieldErrors): void {
  const { environment } = pages.dependencies;
  const isTaken = found.state === 'taken' || errors.slug !== undefined;
  const notice = isTaken
    ? html`<p>Another workspace has the address ${found.slug}.${environment.BASE_DOMAIN}.</p>`
    : html`<p>The workspace <strong>${found.name}</strong> is created at ${found.slug}.${environment.BASE_DOMAIN}.</p>`;
  show(
    pages,
    ctx,
    isTaken ? 'Choose another address' : 'Confirm your address',
    html`${notice}
${form({
  token: pages.forms.field(ctx),
  errors,
  button: 'Create the workspace',
  fields: [
    { name: 'token', label: '', type: 'hidden', value: ctx.params.token },
    ...(isTaken ? [slugField(environment, givenText(ctx, 'slug') ?? found.slug)] : []),
  ],
})}`,
    statusOf(errors),
  );
}

/** Responds with a page for an invalid link. */
export const showInvalid = (pages: SignUpPages, ctx: Context): void =>
  show(
    pages,
    ctx,
    'This link is not valid',
    html`<p>It has expired. Links are valid for 24 hours.</p>
<p class="actions"><a class="button" href="/signup">Sign up again</a></p>`,
    400,
  );

export const showCheckMail = (pages: SignUpPages, ctx: Context): void =>
  show(
    pages,
    ctx,
    'Check your mail',
    html`<p>A mail with a link is on its way. Follow it within 24 hours to create the workspace.</p>
<p class="quiet">No mail after a few minutes? Look into the spam folder, or <a href="/signup">sign up again</a>.</p>`,
  );

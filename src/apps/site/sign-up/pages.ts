import type Router from '@koa/router';

import { ValidationFailed } from '../../../errors.ts';
import { createFormTokens, type FormTokens } from '../../../http/html/form-tokens.ts';
import { page, seeOther } from '../../../http/html/page-route.ts';
import { notFound } from '../../../http/identifier.ts';
import type { State } from '../../../http/state.ts';
import { readConfirmationBody, readSignUp } from './bodies.ts';
import {
  assertOpen,
  confirm,
  findByStatus,
  findConfirmable,
  type SiteDependencies,
  signUp,
} from './sign-up.ts';
import { createSignUpViews, type SignUpViews } from './views.ts';

type Parts = Readonly<{ dependencies: SiteDependencies; forms: FormTokens; views: SignUpViews }>;

/** Creates the page of the form. */
function formPage(router: Router<State>, { dependencies, forms, views }: Parts): void {
  const { environment, stacks } = dependencies;
  const { signUpForm, showCheckMail } = views;
  page(router, '/signup', stacks.always.page, {
    GET: async (ctx) => {
      assertOpen(dependencies);
      signUpForm(ctx, {});
    },
    POST: async (ctx) => {
      assertOpen(dependencies);
      forms.check(ctx);
      try {
        const { signUp: found, statusKey } = await signUp(dependencies, ctx, readSignUp(ctx, environment));
        if (found.state !== 'unconfirmed') {
          seeOther(ctx, `/signup/status/${statusKey}`);
          return;
        }
      } catch (error) {
        if (!(error instanceof ValidationFailed)) {
          throw error;
        }
        signUpForm(ctx, error.fields);
        return;
      }
      showCheckMail(ctx);
    },
  });
}

/** Creates the page that waits for the tenant. */
function statePage(router: Router<State>, { dependencies, views }: Parts): void {
  page(router, '/signup/status/:key', dependencies.stacks.always.page, {
    GET: async (ctx) => {
      const found = await findByStatus(dependencies, ctx, ctx.params.key);
      if (found.state === 'unconfirmed' || found.state === 'taken') {
        throw notFound();
      }
      views.showState(ctx, found);
    },
  });
}

/** Creates the page of the mailed link. */
function confirmPage(router: Router<State>, { dependencies, forms, views }: Parts): void {
  const { environment, stacks } = dependencies;
  const { confirmForm, showInvalid, showState } = views;
  page(router, '/signup/confirm/:token', stacks.always.page, {
    GET: async (ctx) => {
      try {
        const found = await findConfirmable(dependencies, ctx, ctx.params.token ?? '');
        if (found.state === 'unconfirmed' || found.state === 'taken') {
          confirmForm(ctx, found, {});
        } else {
          showState(ctx, found);
        }
      } catch (error) {
        if (!(error instanceof ValidationFailed)) {
          throw error;
        }
        showInvalid(ctx);
      }
    },
    POST: async (ctx) => {
      assertOpen(dependencies);
      forms.check(ctx);
      const token = ctx.params.token ?? '';
      try {
        const { slug } = readConfirmationBody(ctx, environment);
        await confirm(dependencies, ctx, { token, slug });
        // The page of the link shows the state. A browser can load it again, because it is a GET.
        seeOther(ctx, `/signup/confirm/${token}`);
      } catch (error) {
        if (!(error instanceof ValidationFailed)) {
          throw error;
        }
        const found = error.fields.token
          ? null
          : await findConfirmable(dependencies, ctx, token).catch(() => null);
        if (found) {
          confirmForm(ctx, found, error.fields);
        } else {
          showInvalid(ctx);
        }
      }
    },
  });
}

/** Creates the pages of sign-up: the form, the page of the mailed link, and the page that waits for the tenant. */
export function signUpPages(router: Router<State>, dependencies: SiteDependencies): void {
  const forms = createFormTokens(dependencies.secrets);
  const parts = { dependencies, forms, views: createSignUpViews(dependencies, forms) };
  formPage(router, parts);
  statePage(router, parts);
  confirmPage(router, parts);
}

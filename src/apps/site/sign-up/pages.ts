import type Router from '@koa/router';

import { ValidationFailed } from '../../../errors.ts';
import { createFormTokens } from '../../../http/html/form-tokens.ts';
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
import {
  type SignUpPages,
  showCheckMail,
  showConfirmForm,
  showInvalid,
  showSignUpForm,
  showState,
} from './views.ts';

/** Creates the page of the form. */
function formPage(router: Router<State>, pages: SignUpPages): void {
  const { dependencies, forms } = pages;
  const { environment, stacks } = dependencies;
  page(router, '/signup', stacks.always.page, {
    GET: async (ctx) => {
      assertOpen(dependencies);
      showSignUpForm(pages, ctx, {});
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
        showSignUpForm(pages, ctx, error.fields);
        return;
      }
      showCheckMail(pages, ctx);
    },
  });
}

/** Creates the page that waits for the tenant. */
function statePage(router: Router<State>, pages: SignUpPages): void {
  const { dependencies } = pages;
  page(router, '/signup/status/:key', dependencies.stacks.always.page, {
    GET: async (ctx) => {
      const found = await findByStatus(dependencies, ctx, ctx.params.key);
      if (found.state === 'unconfirmed' || found.state === 'taken') {
        throw notFound();
      }
      showState(pages, ctx, found);
    },
  });
}

/** Returns null for the error of a link that is not valid. */
function asInvalidLink(error: unknown): null {
  if (!(error instanceof ValidationFailed)) {
    throw error;
  }
  return null;
}

/** Creates the page of the mailed link. */
function confirmPage(router: Router<State>, pages: SignUpPages): void {
  const { dependencies, forms } = pages;
  const { environment, stacks } = dependencies;
  page(router, '/signup/confirm/:token', stacks.always.page, {
    GET: async (ctx) => {
      try {
        const found = await findConfirmable(dependencies, ctx, ctx.params.token ?? '');
        if (found.state === 'unconfirmed' || found.state === 'taken') {
          showConfirmForm(pages, ctx, found, {});
        } else {
          showState(pages, ctx, found);
        }
      } catch (error) {
        if (!(error instanceof ValidationFailed)) {
          throw error;
        }
        showInvalid(pages, ctx);
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
          : await findConfirmable(dependencies, ctx, token).catch(asInvalidLink);
        if (found) {
          showConfirmForm(pages, ctx, found, error.fields);
        } else {
          showInvalid(pages, ctx);
        }
      }
    },
  });
}

/** Creates the pages of sign-up: the form, the page of the mailed link, and the page that waits for the tenant. */
export function signUpPages(router: Router<State>, dependencies: SiteDependencies): void {
  const pages = { dependencies, forms: createFormTokens(dependencies.secrets) };
  formPage(router, pages);
  statePage(router, pages);
  confirmPage(router, pages);
}

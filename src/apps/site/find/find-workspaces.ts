import type Router from '@koa/router';
import { sql } from 'slonik';
import { z } from 'zod';

import { type FieldErrors, ValidationFailed } from '../../../errors.ts';
import { enterTenant } from '../../../http/enter-tenant.ts';
import { email } from '../../../http/fields/email.ts';
import { createFormTokens } from '../../../http/html/form-tokens.ts';
import { html } from '../../../http/html/html.ts';
import { page } from '../../../http/html/page-route.ts';
import { sendForm } from '../../../http/html/send-form.ts';
import { card, sendPage } from '../../../http/html/send-page.ts';
import { operation } from '../../../http/openapi/description.ts';
import { resource } from '../../../http/resource.ts';
import type { Context, State } from '../../../http/state.ts';
import { linksOf } from '../landing.ts';
import { addressBody, readAddress } from '../sign-up/bodies.ts';
import type { SiteDependencies } from '../sign-up/sign-up.ts';
import { givenText } from '../sign-up/views.ts';

/**
 * Requests a mail with the workspaces of an address. The worker searches the tenants later, so neither the response nor
 * its duration depends on the result.
 *
 * @throws Unavailable `throttled`
 */
async function requestSearch(dependencies: SiteDependencies, ctx: Context, address: string): Promise<void> {
  await dependencies.throttle.consume('reset', dependencies.environment.THROTTLE_FIND_WORKSPACES, {
    tenant: ctx.state.tenant.id,
    account: `find ${address.toLowerCase()}`,
    address: ctx.ip,
  });
  await enterTenant(dependencies.tenantDatabase, ctx.state, { readOnly: false, whileUnpaid: true }, (tx) =>
    tx.query(sql.type(z.object({}))`
      insert into workspace_searches (email)
      values (${address})
    `),
  );
}

/** Creates `/api/workspaces/find/`. */
function findApi(router: Router<State>, dependencies: SiteDependencies): void {
  resource(
    router,
    '/api/workspaces/find',
    dependencies.stacks.always.open,
    {
      POST: operation(
        {
          summary: 'Mail the workspaces of an address',
          body: addressBody,
          response: null,
          errors: ['throttled', 'overloaded'],
        },
        async (ctx) => {
          await requestSearch(dependencies, ctx, readAddress(ctx));
          ctx.status = 204;
        },
      ),
    },
    {
      name: 'Find Workspaces',
      description: 'Mails the workspaces of an address.',
      fields: { email: email() },
    },
  );
}

/** Creates the page of the same form. */
function findPage(router: Router<State>, dependencies: SiteDependencies): void {
  const { environment, secrets, stacks } = dependencies;
  const forms = createFormTokens(secrets);
  const links = linksOf(environment);

  const show = (ctx: Context, errors: FieldErrors): void =>
    sendForm(ctx, {
      title: 'Find my workspace',
      text: 'Enter your e-mail address. You receive a list of the workspaces in which it has an account.',
      links,
      token: forms.field(ctx),
      errors,
      button: 'Send the list',
      fields: [
        {
          name: 'email',
          label: 'E-mail address',
          type: 'email',
          value: givenText(ctx, 'email'),
          autocomplete: 'email',
        },
      ],
    });

  page(router, '/workspaces', stacks.always.page, {
    GET: async (ctx) => show(ctx, {}),
    POST: async (ctx) => {
      forms.check(ctx);
      try {
        await requestSearch(dependencies, ctx, readAddress(ctx));
      } catch (error) {
        if (!(error instanceof ValidationFailed)) {
          throw error;
        }
        show(ctx, error.fields);
        return;
      }
      sendPage(ctx, {
        title: 'Check your mail',
        links,
        main: card(
          'Check your mail',
          html`<p>If the address has an account in a workspace, a mail with the list is on its way. It may take a few minutes.</p>
<p class="actions"><a class="button second" href="/">Back to the start page</a></p>`,
        ),
      });
    },
  });
}

/** Creates `/api/workspaces/find/` and its page. */
export function findWorkspaces(router: Router<State>, dependencies: SiteDependencies): void {
  findApi(router, dependencies);
  findPage(router, dependencies);
}

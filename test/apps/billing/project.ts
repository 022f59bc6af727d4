import { accounts } from '../../../src/apps/accounts/app.ts';
import { billing } from '../../../src/apps/billing/app.ts';
import { defineApp } from '../../../src/definition/define-app.ts';
import { defineProject } from '../../../src/definition/define-project.ts';
import { createRouter, resource } from '../../../src/http/resource.ts';

/** A route that is served to paying tenants only. */
const paid = defineApp({
  name: 'paid',
  directory: import.meta.dirname,
  routes: async () => ({
    routes: ({ stacks }) => {
      const router = createRouter();
      resource(router, '/api/paid', stacks.paid.open, {
        GET: async (ctx) => {
          ctx.body = {};
        },
      });
      return router;
    },
  }),
});

/** The project of the tests of subscriptions. It has no app that a team may delete but its own. */
export const project = defineProject({
  apps: [billing, accounts, paid],
  authentication: accounts.authentication,
});

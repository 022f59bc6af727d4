import { accounts, admin, defineProject, idempotency, site } from 'koa-tenants';
import { notes } from './notes/app.ts';

export const project = defineProject({
  apps: [site, accounts, admin, idempotency, notes],
  authentication: accounts.authentication,
});

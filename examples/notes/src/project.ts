import { accounts, admin, defineProject, site } from 'koa-tenants';
import { notes } from './notes/app.ts';

export const project = defineProject({
  apps: [site, accounts, admin, notes],
  authentication: accounts.authentication,
});

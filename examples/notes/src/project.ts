import { accounts, defineProject, site } from 'koa-tenants';
import { notes } from './notes/app.ts';

export const project = defineProject({
  apps: [site, accounts, notes],
  authentication: accounts.authentication,
});

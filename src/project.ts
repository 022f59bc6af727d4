import { accounts } from './apps/accounts/app.ts';
import { admin } from './apps/admin/app.ts';
import { billing } from './apps/billing/app.ts';
import { idempotency } from './apps/idempotency/app.ts';
import { operators } from './apps/operators/app.ts';
import { projects } from './apps/projects/app.ts';
import { site } from './apps/site/app.ts';
import { readVersion } from './config/version.ts';
import { defineProject } from './definition/define-project.ts';

/** The apps of this repository. A new app adds one line. */
export const project = defineProject({
  apps: [site, accounts, admin, billing, idempotency, operators, projects],
  authentication: accounts.authentication,
  api: { title: 'koa-tenants', version: readVersion(), license: { name: 'MIT', identifier: 'MIT' } },
});

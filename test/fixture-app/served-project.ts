import { accounts } from '../../src/apps/accounts/app.ts';
import { site } from '../../src/apps/site/app.ts';
import { defineProject } from '../../src/definition/define-project.ts';
import { notes } from './notes/app.ts';
import { people } from './people/app.ts';

/** The project of tests that log in over HTTP: the fixture apps, and the accounts and site of this repository. */
export const servedProject = defineProject({
  apps: [site, accounts, people, notes],
  authentication: accounts.authentication,
});

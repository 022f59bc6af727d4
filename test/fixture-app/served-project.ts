import { accounts } from '../../src/apps/accounts/app.ts';
import { defineProject } from '../../src/definition/define-project.ts';
import { front } from './front/app.ts';
import { notes } from './notes/app.ts';
import { people } from './people/app.ts';

/** The project of tests that log in over HTTP: the fixture apps, and the accounts of this repository. */
export const servedProject = defineProject({
  apps: [front, accounts, people, notes],
  authentication: accounts.authentication,
});

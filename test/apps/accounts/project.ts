import { accounts } from '../../../src/apps/accounts/app.ts';
import { site } from '../../../src/apps/site/app.ts';
import { defineProject } from '../../../src/definition/define-project.ts';

/** The project of the tests of accounts. It has no other app that a team may delete. */
export const project = defineProject({ apps: [site, accounts], authentication: accounts.authentication });

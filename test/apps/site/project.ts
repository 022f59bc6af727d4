import { accounts } from '../../../src/apps/accounts/app.ts';
import { site } from '../../../src/apps/site/app.ts';
import { defineProject } from '../../../src/definition/define-project.ts';

/** The project of the tests of the public site. It has no app that a team may delete but its own. */
export const project = defineProject({ apps: [site, accounts], authentication: accounts.authentication });

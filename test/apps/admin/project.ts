import { accounts } from '../../../src/apps/accounts/app.ts';
import { admin } from '../../../src/apps/admin/app.ts';
import { defineProject } from '../../../src/definition/define-project.ts';
import { front } from '../../fixture-app/front/app.ts';
import { library } from './library/app.ts';

/** The project of the tests of the admin. It has no app that a team may delete, except the admin itself. */
export const project = defineProject({
  apps: [front, accounts, admin, library],
  authentication: accounts.authentication,
});

import { accounts } from '../../../src/apps/accounts/app.ts';
import { idempotency } from '../../../src/apps/idempotency/app.ts';
import { defineProject } from '../../../src/definition/define-project.ts';
import { front } from '../../fixture-app/front/app.ts';
import { notes } from '../../fixture-app/notes/app.ts';
import { people } from '../../fixture-app/people/app.ts';

/** The project of the tests of idempotency keys. */
export const project = defineProject({
  apps: [front, accounts, idempotency, people, notes],
  authentication: accounts.authentication,
});

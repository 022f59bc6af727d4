import { accounts } from '../../../src/apps/accounts/app.ts';
import { defineApp } from '../../../src/definition/define-app.ts';
import { defineProject } from '../../../src/definition/define-project.ts';
import { front } from '../../fixture-app/front/app.ts';

const memos = defineApp({
  name: 'memos',
  directory: import.meta.dirname,
  permissions: { 'memos.archive': 'Archive memos', 'memos.publish': 'Publish memos' },
});

/** The project of the tests of accounts. It has no other app that a team may delete. */
export const project = defineProject({
  apps: [front, accounts, memos],
  authentication: accounts.authentication,
});

import { z } from 'zod';

import { accounts } from '../../../src/apps/accounts/app.ts';
import { operators } from '../../../src/apps/operators/app.ts';
import { defineApp } from '../../../src/definition/define-app.ts';
import { defineProject } from '../../../src/definition/define-project.ts';
import { defineOperation } from '../../../src/tenancy/operations/operation-kind.ts';
import { front } from '../../fixture-app/front/app.ts';

/** Kinds of operations of the tests: one that returns its argument, and one that destroys. */
const probes = [
  defineOperation({
    kind: 'echo',
    title: 'Echo',
    description: 'Returns the text.',
    target: 'tenant-or-fleet',
    arguments: z.strictObject({ text: z.string().max(200), times: z.number().int().min(1).optional() }),
    run: async ({ text }, { log }) => {
      log(text);
      if (text === 'fail') {
        throw new Error('The echo failed.');
      }
      return { text };
    },
  }),
  defineOperation({
    kind: 'shred',
    title: 'Shred',
    description: 'Destroys nothing, but says so.',
    target: 'tenant-or-fleet',
    destroys: true,
    arguments: z.strictObject({}),
    run: async (_given, { tenant }) => ({ shredded: tenant }),
  }),
];

const probe = defineApp({
  name: 'probe',
  directory: import.meta.dirname,
  operations: async () => ({ operations: () => probes }),
});

/** The project of the tests of operators. It has no other app that a team may delete. */
export const project = defineProject({
  apps: [front, accounts, operators, probe],
  authentication: accounts.authentication,
});

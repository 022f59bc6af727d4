import { accounts } from '../../src/apps/accounts/app.ts';
import { defineApp } from '../../src/definition/define-app.ts';
import { defineProject } from '../../src/definition/define-project.ts';
import { EXTENSIONS } from '../../src/tenancy/registry/project.ts';
import { listRoutes } from '../fixture-app/list-routes.ts';
import { notes } from '../fixture-app/notes/app.ts';
import { people } from '../fixture-app/people/app.ts';

export const LIST_PATH = '/api/attack-notes';

/** Serves the rows of the attack suite, whose tables `openAttackedWorld` creates. */
const attacked = defineApp({
  name: 'attacked',
  directory: import.meta.dirname,
  routes: async () => ({
    routes: ({ stacks }) => listRoutes({ path: LIST_PATH, table: 'attack_notes' }, stacks.paid),
  }),
});

/** The project that is attacked over HTTP. It has accounts, and no other app of this repository. */
export const attackedProject = defineProject({
  apps: [accounts, people, notes, attacked],
  authentication: accounts.authentication,
  // `vector` is not part of PostgreSQL.
  extensions: EXTENSIONS.filter((name) => name !== 'vector'),
});

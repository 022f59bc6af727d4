import { openHttpAttackSuiteOn } from '../../helpers/http-attack-suite.ts';
import type { HttpAttackSuite } from '../../helpers/http-attacks.ts';
import { makeUser, PASSWORD } from '../../helpers/server.ts';
import { openWorld } from '../../helpers/world.ts';
import { type AdminFixture, adminAttacks, NEIGHBORS_ID } from './http-attacks.ts';
import { project } from './project.ts';

/** The start of a stored hash, and a text that no hash contains. */
const GUESSES = { right: '$argon2id$', wrong: '$argon9id$' };

export async function openHttpAttackSuite(): Promise<HttpAttackSuite> {
  const world = await openWorld({ project });
  await makeUser(world, 'acme', 'boss', { isSuperuser: true });
  await makeUser(world, 'acme', 'clerk');
  await makeUser(world, 'acme', 'user');
  await makeUser(world, 'globex', 'neighbor', { isSuperuser: true });
  await world.asOwner(`update acme.users set is_staff = true where username = 'clerk'`);
  await world.asOwner(`update globex.users set id = ${NEIGHBORS_ID}`);
  await world.asOwner(
    `insert into acme.users (username, password) values ('ordered1', '!2'), ('ordered2', '!1')`,
  );
  await world.asOwner(`insert into globex.authors (id, name) values (${NEIGHBORS_ID}, 'neighbor')`);
  await world.asOwner(`insert into acme.authors (name) values ('Ann')`);
  await world.asOwner(`insert into acme.loans (borrower) values ('Ann')`);
  await world.asOwner(`insert into acme.secrets (name) values ('a secret')`);
  await world.asOwner(
    `insert into acme.books (title, author_id, added_by) select 'A book', a.id, u.id
     from acme.authors as a cross join acme.users as u where u.username = 'boss'`,
  );
  return openHttpAttackSuiteOn<Pick<AdminFixture, 'tokens'>>({
    graph: 'admin',
    world,
    attacks: adminAttacks,
    project: { file: 'test/apps/admin/project.ts', name: 'project' },
    settings: { THROTTLE_LOGIN: 'off', API_DOCS: 'false' },
    guesses: GUESSES,
    further: async ({ logIn }) => ({
      tokens: {
        boss: await logIn('acme.localhost', 'boss', PASSWORD),
        clerk: await logIn('acme.localhost', 'clerk', PASSWORD),
        user: await logIn('acme.localhost', 'user', PASSWORD),
        neighbor: await logIn('globex.localhost', 'neighbor', PASSWORD),
      },
    }),
  });
}

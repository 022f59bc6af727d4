import type { Project } from '../../../src/definition/define-project.ts';
import { createFormClient } from '../../helpers/form-client.ts';
import { createHttpCampaign, type HttpCampaign, withoutRulesOf } from '../../helpers/http-attacks.ts';
import { makeUser, PASSWORD, serve, type TestService } from '../../helpers/server.ts';
import { openWorld } from '../../helpers/world.ts';
import { type AdminFixture, adminAttacks, NEIGHBORS_ID } from './http-attacks.ts';
import { project } from './project.ts';

const SETTINGS = { THROTTLE_LOGIN: 'off', API_DOCS: 'false' };
/** The start of a stored hash, and a text that no hash contains. */
const GUESSES = { right: '$argon2id$', wrong: '$argon9id$' };

export async function openHttpCampaign(): Promise<HttpCampaign> {
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
  await world.asOwner(`insert into acme.secrets (name) values ('a secret')`);
  await world.asOwner(
    `insert into acme.books (title, author_id, added_by) select 'A book', a.id, u.id
     from acme.authors as a cross join acme.users as u where u.username = 'boss'`,
  );
  const service = await serve(world, SETTINGS);
  const tokens = {
    boss: await service.logIn('acme.localhost', 'boss', PASSWORD),
    clerk: await service.logIn('acme.localhost', 'clerk', PASSWORD),
    user: await service.logIn('acme.localhost', 'user', PASSWORD),
    neighbor: await service.logIn('globex.localhost', 'neighbor', PASSWORD),
  };
  let weak: TestService | undefined;
  return createHttpCampaign<AdminFixture>({
    attacks: adminAttacks,
    guesses: GUESSES,
    service,
    fixtureOf: (on) => {
      const attacked = on === 'weak' && weak ? weak : service;
      return (guess) => ({
        world,
        service: attacked,
        browser: (host) => createFormClient(attacked, host),
        guess,
        tokens,
      });
    },
    openWeak: async () => {
      const load = (file: string) => withoutRulesOf('admin', adminAttacks, file);
      const server = (await load('test/helpers/server.ts')) as { serve: typeof serve };
      const { project: unprotected } = (await load('test/apps/admin/project.ts')) as { project: Project };
      weak = await server.serve({ ...world, fleet: { ...world.fleet, project: unprotected } }, SETTINGS);
    },
    close: async () => {
      await service.close();
      await weak?.close();
      await world.close();
    },
  });
}

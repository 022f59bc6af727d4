import type { Project } from '../../src/definition/define-project.ts';
import { servedProject } from '../fixture-app/served-project.ts';
import { createFormClient } from '../helpers/form-client.ts';
import { createHttpCampaign, type HttpCampaign, withoutRulesOf } from '../helpers/http-attacks.ts';
import { makeUser, serve, type TestService } from '../helpers/server.ts';
import { openWorld } from '../helpers/world.ts';
import { httpAttacks } from './http-attacks.ts';

const GUESSES = { right: 'hank@example.com', wrong: 'nobody@example.com' };
const SETTINGS = { API_DOCS: 'false' };

export async function openHttpCampaign(): Promise<HttpCampaign> {
  const world = await openWorld({ project: servedProject });
  await makeUser(world, 'globex', 'hank', { email: GUESSES.right });
  // More than sockets buffer.
  await world.asOwner(
    `insert into globex.notes (name, description)
     select 'large ' || i, repeat('x', 20000)
     from generate_series(1, 2000) as s (i)`,
  );
  const service = await serve(world, SETTINGS);
  let weak: TestService | undefined;
  return createHttpCampaign({
    attacks: httpAttacks,
    guesses: GUESSES,
    service,
    fixtureOf: (on) => {
      const attacked = on === 'weak' && weak ? weak : service;
      return (guess) => ({
        world,
        service: attacked,
        browser: (host) => createFormClient(attacked, host),
        guess,
      });
    },
    openWeak: async () => {
      const load = (file: string) => withoutRulesOf('http', httpAttacks, file);
      const server = (await load('test/helpers/server.ts')) as { serve: typeof serve };
      const { servedProject: project } = (await load('test/fixture-app/served-project.ts')) as {
        servedProject: Project;
      };
      weak = await server.serve({ ...world, fleet: { ...world.fleet, project } }, SETTINGS);
    },
    close: async () => {
      await service.close();
      await weak?.close();
      await world.close();
    },
  });
}

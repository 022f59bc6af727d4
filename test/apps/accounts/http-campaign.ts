import type { Project } from '../../../src/definition/define-project.ts';
import { createFormClient } from '../../helpers/form-client.ts';
import { createHttpCampaign, type HttpCampaign, withoutRulesOf } from '../../helpers/http-attacks.ts';
import { makeUser, serve, type TestService } from '../../helpers/server.ts';
import { openWorld } from '../../helpers/world.ts';
import { httpAttacks } from './http-attacks.ts';
import { project } from './project.ts';

const SETTINGS = { THROTTLE_LOGIN: 'off', THROTTLE_RESET: 'off', API_DOCS: 'false' };
const GUESSES = { right: 'hank@example.com', wrong: 'nobody@example.com' };

export async function openHttpCampaign(): Promise<HttpCampaign> {
  const world = await openWorld({ project });
  await makeUser(world, 'globex', 'hank', { email: GUESSES.right });
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
      const load = (file: string) => withoutRulesOf('accounts', httpAttacks, file);
      const server = (await load('test/helpers/server.ts')) as { serve: typeof serve };
      const { project: unprotected } = (await load('test/apps/accounts/project.ts')) as { project: Project };
      weak = await server.serve({ ...world, fleet: { ...world.fleet, project: unprotected } }, SETTINGS);
    },
    close: async () => {
      await service.close();
      await weak?.close();
      await world.close();
    },
  });
}

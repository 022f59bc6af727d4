import { createFormClient } from '../../helpers/form-client.ts';
import { ADDRESSES, loadUnprotected } from '../../helpers/http-attack-suite.ts';
import { createHttpAttackSuite, type HttpAttackSuite } from '../../helpers/http-attacks.ts';
import { makeUser, type TestService } from '../../helpers/server.ts';
import { siteAttacks } from './http-attacks.ts';
import { openSiteWorld } from './site-world.ts';

const OFF = { THROTTLE_SIGNUP: 'off', THROTTLE_SIGNUP_DOMAIN: 'off', THROTTLE_FIND_WORKSPACES: 'off' };
const DEFAULTS = {
  THROTTLE_SIGNUP: '5/hour',
  THROTTLE_SIGNUP_DOMAIN: '50/hour',
  THROTTLE_FIND_WORKSPACES: '5/hour',
};

/** Constraints of the table that reject the same values as the fields. */
const CONSTRAINTS = ['slug', 'name', 'email'].map((field) => `signups__${field}_form`);

type Pair = Readonly<{ service: TestService; throttled: TestService }>;

export async function openHttpAttackSuite(): Promise<HttpAttackSuite> {
  const site = await openSiteWorld();
  const { world } = site;
  await makeUser(world, 'globex', 'hank', { email: ADDRESSES.right });
  const strong: Pair = { service: site.service, throttled: await site.serveWith(DEFAULTS) };
  let weak: Pair | undefined;
  let signUps = 0;
  const unique = (): string => {
    signUps += 1;
    return `attack-${signUps}`;
  };
  return createHttpAttackSuite({
    attacks: siteAttacks,
    guesses: ADDRESSES,
    service: site.service,
    fixtureOf: (on) => {
      const { service, throttled } = on === 'weak' && weak ? weak : strong;
      return (guess) => ({
        world,
        service,
        throttled,
        work: site.work,
        browser: (host) => createFormClient(service, host),
        guess,
        unique,
      });
    },
    openWeak: async () => {
      const { project, serve } = await loadUnprotected('site', siteAttacks, {
        file: 'test/apps/site/project.ts',
        name: 'project',
      });
      const unprotected = { ...world, fleet: { ...world.fleet, project } };
      const settings = { SIGNUP: 'open', API_DOCS: 'false' };
      for (const name of CONSTRAINTS) {
        await world.asOwner(`alter table site.signups drop constraint ${name}`);
      }
      weak = {
        service: await serve(unprotected, { ...settings, ...OFF }),
        throttled: await serve(unprotected, { ...settings, ...DEFAULTS }),
      };
    },
    close: async () => {
      await strong.throttled.close();
      await weak?.service.close();
      await weak?.throttled.close();
      await site.close();
    },
  });
}

import { ADDRESSES, openHttpAttackSuiteOn } from '../../helpers/http-attack-suite.ts';
import type { HttpAttackSuite } from '../../helpers/http-attacks.ts';
import { makeUser } from '../../helpers/server.ts';
import { openWorld } from '../../helpers/world.ts';
import { httpAttacks } from './http-attacks.ts';
import { project } from './project.ts';

export async function openHttpAttackSuite(): Promise<HttpAttackSuite> {
  const world = await openWorld({ project });
  await makeUser(world, 'globex', 'hank', { email: ADDRESSES.right });
  return openHttpAttackSuiteOn({
    graph: 'accounts',
    world,
    attacks: httpAttacks,
    project: { file: 'test/apps/accounts/project.ts', name: 'project' },
    settings: { THROTTLE_LOGIN: 'off', THROTTLE_RESET: 'off', API_DOCS: 'false' },
  });
}

import { servedProject } from '../fixture-app/served-project.ts';
import { ADDRESSES, openHttpAttackSuiteOn } from '../helpers/http-attack-suite.ts';
import type { HttpAttackSuite } from '../helpers/http-attacks.ts';
import { makeUser } from '../helpers/server.ts';
import { openWorld } from '../helpers/world.ts';
import { httpAttacks } from './http-attacks.ts';

export async function openHttpAttackSuite(): Promise<HttpAttackSuite> {
  const world = await openWorld({ project: servedProject });
  await makeUser(world, 'globex', 'hank', { email: ADDRESSES.right });
  // More than sockets buffer.
  await world.asOwner(
    `insert into globex.notes (name, description)
     select 'large ' || i, repeat('x', 20000)
     from generate_series(1, 2000) as s (i)`,
  );
  return openHttpAttackSuiteOn({
    graph: 'http',
    world,
    attacks: httpAttacks,
    project: { file: 'test/fixture-app/served-project.ts', name: 'servedProject' },
    settings: { API_DOCS: 'false' },
  });
}

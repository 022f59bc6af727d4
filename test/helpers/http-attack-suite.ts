import type { Project } from '../../src/definition/define-project.ts';
import { createFormClient } from './form-client.ts';
import {
  createHttpAttackSuite,
  type HttpAttack,
  type HttpAttackSuite,
  type HttpFixture,
  withoutRulesOf,
} from './http-attacks.ts';
import { serve, type TestService } from './server.ts';
import type { World } from './world.ts';

/** An address that exists in globex, and one that does not. */
export const ADDRESSES = { right: 'hank@example.com', wrong: 'nobody@example.com' };

/** Returns `serve` and the project of a file without the rules of these attacks. */
export async function loadUnprotected(
  graph: string,
  attacks: ReadonlyArray<Pick<HttpAttack, 'rule'>>,
  { file, name }: Readonly<{ file: string; name: string }>,
): Promise<Readonly<{ serve: typeof serve; project: Project }>> {
  const server = (await withoutRulesOf(graph, attacks, 'test/helpers/server.ts')) as { serve: typeof serve };
  const module = (await withoutRulesOf(graph, attacks, file)) as Readonly<Record<string, Project>>;
  return { serve: server.serve, project: module[name] as Project };
}

/** Opens attacks on a service of a world, and on a second one without the rules. */
export async function openHttpAttackSuiteOn<Further extends object = object>({
  graph,
  world,
  attacks,
  project,
  settings,
  guesses = ADDRESSES,
  further = async () => ({}) as Further,
}: Readonly<{
  /** Name of the graph of modules without the rules. */
  graph: string;
  world: World;
  attacks: ReadonlyArray<HttpAttack<HttpFixture & Further>>;
  /** The file of the project, and the name of its export. */
  project: Readonly<{ file: string; name: string }>;
  settings: Readonly<Record<string, string>>;
  guesses?: Readonly<{ right: string; wrong: string }>;
  /** Returns further members of the fixture, such as tokens. */
  further?: (service: TestService) => Promise<Further>;
}>): Promise<HttpAttackSuite> {
  const service = await serve(world, settings);
  const more = await further(service);
  let weak: TestService | undefined;
  return createHttpAttackSuite<HttpFixture & Further>({
    attacks,
    guesses,
    service,
    fixtureOf: (on) => {
      const attacked = on === 'weak' && weak ? weak : service;
      return (guess) => ({
        world,
        service: attacked,
        browser: (host) => createFormClient(attacked, host),
        guess,
        ...more,
      });
    },
    openWeak: async () => {
      const unprotected = await loadUnprotected(graph, attacks, project);
      weak = await unprotected.serve(
        { ...world, fleet: { ...world.fleet, project: unprotected.project } },
        settings,
      );
    },
    close: async () => {
      await service.close();
      await weak?.close();
      await world.close();
    },
  });
}

import { startMain } from '../cli/run.ts';
import { servedProject } from '../fixture-app/served-project.ts';
import { environmentOf, logInAt, makeUser } from '../helpers/server.ts';
import { openWorld, type World } from '../helpers/world.ts';
import type { Author } from './writers.ts';

/** The service in a process of its own, with a logged-in user of each tenant. */
export type OwnProcess = Awaited<ReturnType<typeof startMain>> &
  Readonly<{
    authors: readonly [acme: Author, globex: Author];
    /** Lines of the log under one message. */
    logLines: (message: string) => ReadonlyArray<Record<string, unknown>>;
  }>;

/** A world whose tenants have a user each: alice of acme, and hank of globex. */
export async function openWorldWithUsers(options: Parameters<typeof openWorld>[0] = {}): Promise<World> {
  const world = await openWorld({ project: servedProject, ...options });
  await makeUser(world, 'acme', 'alice');
  await makeUser(world, 'globex', 'hank');
  return world;
}

/** Stops the service when the test ends, also after a failure. */
export async function startProcess(
  t: Readonly<{ teardown: (end: () => unknown) => void }>,
  world: World,
  overrides: Readonly<Record<string, string>> = {},
): Promise<OwnProcess> {
  const main = await startMain(environmentOf(world, overrides));
  t.teardown(() => main.child.kill('SIGKILL'));
  const author = async (schema: string, username: string): Promise<Author> => {
    const host = `${schema}.localhost`;
    return { schema, host, token: await logInAt(main.port, host, username) };
  };
  return {
    ...main,
    authors: [await author('acme', 'alice'), await author('globex', 'hank')],
    logLines: (message) => main.entries.filter(({ msg }) => msg === message),
  };
}

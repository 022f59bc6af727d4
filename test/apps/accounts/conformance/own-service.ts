import { hashPassword } from '../../../../src/apps/accounts/passwords/password.ts';
import { makeUser, PASSWORD, serve } from '../../../helpers/server.ts';
import { openWorld } from '../../../helpers/world.ts';
import { project } from '../project.ts';
import type { Settings } from './case.ts';
import { type Login, sendTo, type Target, type TestedServer } from './target.ts';

const login = (name: string): Login => ({ name, email: `${name}@example.com`, password: PASSWORD });

/** Starts this service on its own world, with a tenant for every combination of settings. */
export function ownService(): Target {
  const opened = (async () => {
    const world = await openWorld({ project });
    return { world, service: await serve(world), stored: await hashPassword(PASSWORD) };
  })();
  const servers = new Map<string, Promise<TestedServer>>();
  let last: Promise<unknown> = opened;

  const createServer = async (settings: Settings, schema: string): Promise<TestedServer> => {
    const { world, service, stored } = await opened;
    const { id, host } = await world.provision(schema);
    await makeUser(world, schema, 'staff');
    await makeUser(world, schema, 'superuser', { isSuperuser: true });
    await world.asOwner(`update ${schema}.users set is_staff = true where username = 'staff'`);
    await world.asOwner('update public.tenants set settings = $2 where id = $1', [id, settings]);
    return {
      send: sendTo(`http://127.0.0.1:${service.port}/api/auth`, host),
      mails: async () => service.mails,
      staff: login('staff'),
      superuser: login('superuser'),
      insertUser: ({ name, email }) =>
        world.asOwner(`insert into ${schema}.users (username, email, password) values ($1, $2, $3)`, [
          name,
          email,
          stored,
        ]),
    };
  };

  return {
    // One at a time, because they change objects of the whole cluster.
    serverFor: (settings) => {
      const name = JSON.stringify(settings);
      const known = servers.get(name);
      if (known) {
        return known;
      }
      const schema = `settings_${servers.size}`;
      const made = last.then(() => createServer(settings, schema));
      servers.set(name, made);
      last = made.catch(() => {});
      return made;
    },
    lacks: [],
    close: async () => {
      const { world, service } = await opened;
      await service.close();
      await world.close();
      if (service.bugs.length > 0) {
        throw new AggregateError(service.bugs, 'The service met bugs.');
      }
    },
  };
}

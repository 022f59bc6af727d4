/** The demo data. Run alone: node_modules/.bin/node test/run.ts test/apps/projects/demo.test.ts */
import path from 'node:path';
import test from 'ava';

import { project } from '../../../src/project.ts';
import { type Ran, REPOSITORY_CLI, run } from '../../cli/run.ts';
import { environmentOf, serve } from '../../helpers/server.ts';
import { openWorld, type World } from '../../helpers/world.ts';

const DEMO = path.resolve(import.meta.dirname, '../../../fixtures/demo.json');

let world: World;
test.before(async () => {
  world = await openWorld({ project });
});
test.after.always(() => world?.close());

const tenants = (args: readonly string[]): Promise<Ran> => run(REPOSITORY_CLI, args, environmentOf(world));

test('create_tenant and loaddata create the demo tenant', async (t) => {
  t.is((await tenants(['create_tenant', '--schema=demo', '--name=Demo Co', '--domain=demo.local'])).code, 0);
  const loaded = await tenants(['tenant_command', 'loaddata', DEMO, '--schema=demo']);
  t.deepEqual(
    [loaded.code, loaded.out],
    [0, 'Loaded into demo: 1 accounts.user, 3 projects.project.\n'],
    loaded.err,
  );
  const service = await serve(world);
  t.teardown(service.close);
  const token = await service.logIn('demo.local', 'dana', 'dana-demo-password');
  t.is((await service.request('demo.local', 'GET', '/api/projects/', { token })).body.count, 3);
  const made = await service.request('demo.local', 'POST', '/api/projects/', {
    token,
    body: { name: 'mine' },
  });
  t.deepEqual([made.status, made.body.id], [201, 4]);
});

test('seed fills empty tenants and keeps existing accounts', async (t) => {
  const other = await openWorld({ project });
  t.teardown(other.close);
  await other.asOwner(`insert into globex.users (username, password) values ('somebody', '!')`);
  t.is((await run(REPOSITORY_CLI, ['seed'], environmentOf(other))).code, 0);
  t.deepEqual(await other.asOwner('select name from acme.projects order by id'), [
    { name: 'Rocket skates' },
    { name: 'Giant magnet' },
  ]);
  t.deepEqual(await other.asOwner('select username from globex.users'), [{ username: 'somebody' }]);
});
